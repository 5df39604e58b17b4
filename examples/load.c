/* Open a checkpoint and say what it is: load PATH */
#include <adze/model.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    adze_run *run = NULL;
    adze_model *model = NULL;
    adze_error err = { 0 };
    char text[512];
    adze_status rc;

    if (argc != 2) {
        fprintf(stderr, "usage: load PATH\n");
        return 2;
    }
    rc = adze_run_new(&run, NULL, &err);
    if (rc == ADZE_OK) rc = adze_model_open(&model, run, argv[1], &err);
    if (rc == ADZE_OK)
        printf("%s: %s, %llu parameters, %llu bytes\n", adze_model_format(model),
               adze_model_arch(model), (unsigned long long)adze_model_parameters(model),
               (unsigned long long)adze_model_bytes(model));
    else
        fprintf(stderr, "%s\n", adze_error_text(&err, text, sizeof text));
    adze_model_close(model);
    adze_run_free(run);
    return adze_status_exit_code(rc);
}
