/* The adze program. */
#include <stdio.h>
#include <adze/run.h>

int main(void)
{
    printf("adze %s\n", adze_version());
    return 0;
}
