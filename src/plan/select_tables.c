/* Selection rules, ratings, rankings and what serves which accelerator: all data of plan/select.c.
 *
 * Ratings and rankings are judgements about frameworks as of 2026; they say what to try first. Sources: the
 * frameworks' own documentation (llama.cpp README, Microsoft Olive docs, OpenVINO system requirements, MLX docs),
 * read 2026-11-22.
 */
#include "plan/select_tables.h"

#include <string.h>

#define BIG_PARAMETERS 7e9
#define ORDER(...)            \
    .order = { __VA_ARGS__ }, \
    .n_order = sizeof((az_framework[]){ __VA_ARGS__ }) / sizeof(az_framework)

static bool has(const az_device *d, const char *kind, const char *vendor)
{
    for (size_t i = 0; i < d->n_accelerators; i++)
        if (!strcmp(d->accelerators[i].kind, kind) &&
            (!vendor || !strcmp(d->accelerators[i].vendor, vendor)))
            return true;
    return false;
}

static bool needs(const az_request *r, az_need n)
{
    return r->needs >> n & 1;
}

/* Platform. Special hardware is asked before the CPU that hosts it. */

static bool fits_apple(const az_request *r)
{
    return r->device->maker == AZ_MAKER_APPLE;
}

static bool fits_edge_tpu(const az_request *r)
{
    return has(r->device, "edge-tpu", NULL);
}

static bool fits_nvidia(const az_request *r)
{
    return has(r->device, "gpu", "nvidia");
}

static bool fits_intel(const az_request *r)
{
    return r->device->maker == AZ_MAKER_INTEL || has(r->device, "gpu", "intel") ||
           has(r->device, "npu", "intel");
}

static bool fits_arm_mobile(const az_request *r)
{
    az_target_kind k = r->device->kind;

    return r->device->arm && (k == AZ_KIND_PHONE || k == AZ_KIND_TABLET || k == AZ_KIND_LAPTOP);
}

static bool fits_arm_embedded(const az_request *r)
{
    az_target_kind k = r->device->kind;

    return r->device->arm &&
           (k == AZ_KIND_EMBEDDED || k == AZ_KIND_MICROCONTROLLER || k == AZ_KIND_SINGLE_BOARD);
}

static const az_rule apple = {
    .name = "apple-silicon",
    .question = AZ_ASK_PLATFORM,
    .fits = fits_apple,
    .answer = "Apple Silicon",
    .reason = "MLX is made for memory that CPU and GPU share; llama.cpp reaches the GPU by Metal",
    ORDER(AZ_MLX, AZ_LLAMA_CPP),
};

static const az_rule edge_tpu = {
    .name = "edge-tpu",
    .question = AZ_ASK_PLATFORM,
    .fits = fits_edge_tpu,
    .answer = "Edge TPU",
    .reason =
        "it wants int8 graphs with calibrated ranges, which OpenVINO's NNCF and then Olive make",
    ORDER(AZ_OPENVINO, AZ_OLIVE),
};

static const az_rule nvidia = {
    .name = "nvidia-gpu",
    .question = AZ_ASK_PLATFORM,
    .fits = fits_nvidia,
    .answer = "NVIDIA GPU",
    .reason = "Olive tunes for the CUDA providers of ONNX Runtime; OpenVINO (CUDA) comes after it",
    ORDER(AZ_OLIVE, AZ_OPENVINO),
};

static const az_rule intel = {
    .name = "intel",
    .question = AZ_ASK_PLATFORM,
    .fits = fits_intel,
    .answer = "Intel CPU or GPU",
    .reason = "OpenVINO is tuned for Intel hardware; Olive comes next and can compress with NNCF",
    ORDER(AZ_OPENVINO, AZ_OLIVE),
};

static const az_rule arm_mobile = {
    .name = "arm-mobile",
    .question = AZ_ASK_PLATFORM,
    .fits = fits_arm_mobile,
    .answer = "Arm, mobile",
    .reason = "llama.cpp brings few dependencies into an app; OpenVINO comes next",
    ORDER(AZ_LLAMA_CPP, AZ_OPENVINO),
};

static const az_rule arm_embedded = {
    .name = "arm-embedded",
    .question = AZ_ASK_PLATFORM,
    .fits = fits_arm_embedded,
    .answer = "Arm, embedded",
    .reason = "llama.cpp has the smallest footprint; OpenVINO comes next",
    ORDER(AZ_LLAMA_CPP, AZ_OPENVINO),
};

/* Size and strategy. */

static bool fits_big(const az_request *r)
{
    return r->parameters > BIG_PARAMETERS;
}

static bool fits_small(const az_request *r)
{
    return r->parameters > 0 && r->parameters <= BIG_PARAMETERS;
}

static bool fits_any(const az_request *r)
{
    (void)r;
    return true;
}

static bool fits_enterprise(const az_request *r)
{
    return needs(r, AZ_NEED_ENTERPRISE) || fits_big(r);
}

static bool fits_prototyping(const az_request *r)
{
    return needs(r, AZ_NEED_PROTOTYPING);
}

static bool fits_multimodal(const az_request *r)
{
    return needs(r, AZ_NEED_MULTIMODAL);
}

static const az_rule size_big = {
    .name = "size-big",
    .question = AZ_ASK_SIZE,
    .fits = fits_big,
    .answer = "over 7e9 parameters",
    .reason = "a model of this size needs the tooling of the enterprise strategy",
};

static const az_rule size_small = {
    .name = "size-small",
    .question = AZ_ASK_SIZE,
    .fits = fits_small,
    .answer = "at most 7e9 parameters",
    .reason = "the lightweight strategy will do",
};

static const az_rule size_unknown = {
    .name = "size-unknown",
    .question = AZ_ASK_SIZE,
    .fits = fits_any,
    .answer = "not known",
    .reason = "no model and no --parameters were given; taken as at most 7e9",
};

static const az_rule enterprise = {
    .name = "enterprise",
    .question = AZ_ASK_STRATEGY,
    .fits = fits_enterprise,
    .answer = "enterprise production",
    .reason = "Olive fits into enterprise tooling, then OpenVINO, MLX and llama.cpp",
    ORDER(AZ_OLIVE, AZ_OPENVINO, AZ_MLX, AZ_LLAMA_CPP),
};

static const az_rule prototyping = {
    .name = "prototyping",
    .question = AZ_ASK_STRATEGY,
    .fits = fits_prototyping,
    .answer = "rapid prototyping",
    .reason = "llama.cpp and MLX need one command, Olive a configuration, OpenVINO a toolchain",
    ORDER(AZ_LLAMA_CPP, AZ_MLX, AZ_OLIVE, AZ_OPENVINO),
};

static const az_rule multimodal = {
    .name = "cross-platform-multimodal",
    .question = AZ_ASK_STRATEGY,
    .fits = fits_multimodal,
    .answer = "lightweight, multimodal",
    .reason = "OpenVINO covers vision, audio and text, Olive complex pipelines: compare the two by "
              "measurement",
    ORDER(AZ_OPENVINO, AZ_OLIVE, AZ_MLX, AZ_LLAMA_CPP),
};

static const az_rule lightweight = {
    .name = "cross-platform-llm",
    .question = AZ_ASK_STRATEGY,
    .fits = fits_any,
    .answer = "lightweight",
    .reason = "for language models on any platform llama.cpp has the least to install",
    ORDER(AZ_LLAMA_CPP, AZ_MLX, AZ_OLIVE, AZ_OPENVINO),
};

const az_rule *const az_rules[] = {
    &apple,      &edge_tpu,     &nvidia,     &intel,       &arm_mobile, &arm_embedded, &size_big,
    &size_small, &size_unknown, &enterprise, &prototyping, &multimodal, &lightweight,  NULL,
};

#define NO(text)          \
    {                     \
        AZ_LEVEL_NO, text \
    }
#define WEAK(text)          \
    {                       \
        AZ_LEVEL_WEAK, text \
    }
#define GOOD(text)          \
    {                       \
        AZ_LEVEL_GOOD, text \
    }
#define EXCELLENT(text)          \
    {                            \
        AZ_LEVEL_EXCELLENT, text \
    }

const az_rating az_ratings[AZ_FRAMEWORKS][AZ_NEEDS] = {
    [AZ_LLAMA_CPP] = {
        [AZ_NEED_CROSS_PLATFORM] = EXCELLENT("excellent"),
        [AZ_NEED_ENTERPRISE] = WEAK("basic"),
        [AZ_NEED_MOBILE] = EXCELLENT("excellent"),
        [AZ_NEED_REAL_TIME] = EXCELLENT("excellent"),
        [AZ_NEED_MULTIMODAL] = WEAK("limited"),
        [AZ_NEED_DIVERSITY] = WEAK("LLM focus"),
        [AZ_NEED_EASE] = EXCELLENT("simple"),
        [AZ_NEED_PROTOTYPING] = EXCELLENT("first of four"),
    },
    [AZ_OLIVE] = {
        [AZ_NEED_CROSS_PLATFORM] = GOOD("good"),
        [AZ_NEED_ENTERPRISE] = EXCELLENT("excellent"),
        [AZ_NEED_MOBILE] = GOOD("good"),
        [AZ_NEED_REAL_TIME] = EXCELLENT("excellent"),
        [AZ_NEED_MULTIMODAL] = GOOD("for complex pipelines"),
        [AZ_NEED_DIVERSITY] = EXCELLENT("all models"),
        [AZ_NEED_EASE] = GOOD("automated"),
        [AZ_NEED_PROTOTYPING] = GOOD("third of four"),
    },
    [AZ_OPENVINO] = {
        [AZ_NEED_CROSS_PLATFORM] = GOOD("good"),
        [AZ_NEED_ENTERPRISE] = EXCELLENT("excellent"),
        [AZ_NEED_MOBILE] = GOOD("good"),
        [AZ_NEED_REAL_TIME] = EXCELLENT("excellent"),
        [AZ_NEED_MULTIMODAL] = EXCELLENT("comprehensive: vision, audio, text"),
        [AZ_NEED_DIVERSITY] = EXCELLENT("all models"),
        [AZ_NEED_EASE] = GOOD("moderate"),
        [AZ_NEED_PROTOTYPING] = GOOD("last of four"),
    },
    [AZ_MLX] = {
        [AZ_NEED_CROSS_PLATFORM] = NO("Apple only"),
        [AZ_NEED_ENTERPRISE] = WEAK("limited"),
        [AZ_NEED_MOBILE] = EXCELLENT("excellent on iOS"),
        [AZ_NEED_REAL_TIME] = EXCELLENT("excellent"),
        [AZ_NEED_MULTIMODAL] = GOOD("growing"),
        [AZ_NEED_DIVERSITY] = WEAK("LLM focus"),
        [AZ_NEED_EASE] = EXCELLENT("simple"),
        [AZ_NEED_PROTOTYPING] = EXCELLENT("second of four"),
    },
};

static const char no_system[] = "it needs an operating system; this device has none";

static const char *missing_anywhere(const az_device *d)
{
    return d->os == AZ_OS_NONE ? no_system : NULL;
}

static const char *missing_openvino(const az_device *d)
{
    if (d->os == AZ_OS_IOS) return "there is no OpenVINO for iOS";
    return missing_anywhere(d);
}

static const char *missing_mlx(const az_device *d)
{
    return d->maker == AZ_MAKER_APPLE ? NULL : "it runs on Apple Silicon only";
}

const az_framework_info az_framework_infos[AZ_FRAMEWORKS] = {
    [AZ_LLAMA_CPP] = { "llama.cpp", "GGUF q4_k_m", missing_anywhere },
    [AZ_OLIVE] = { "Olive", "what its search finds for the execution provider", missing_anywhere },
    [AZ_OPENVINO] = { "OpenVINO", "NNCF int8 after training, with calibration", missing_openvino },
    [AZ_MLX] = { "MLX", "int4 in groups of 64, for unified memory", missing_mlx },
};

const az_server az_servers[] = {
    { "gpu", "nvidia", AZ_OLIVE,
      "ONNX Runtime with CUDA or TensorRT, as Olive sets it up; llama.cpp with CUDA" },
    { "gpu", "intel", AZ_OPENVINO, "OpenVINO's GPU plugin; llama.cpp with SYCL or Vulkan" },
    { "gpu", "apple", AZ_MLX, "MLX; llama.cpp with Metal" },
    { "gpu", "amd", AZ_LLAMA_CPP, "llama.cpp with ROCm or Vulkan" },
    { "gpu", "qualcomm", AZ_LLAMA_CPP, "llama.cpp with OpenCL" },
    { "gpu", "arm", AZ_LLAMA_CPP, "llama.cpp with Vulkan" },
    { "npu", "intel", AZ_OPENVINO, "OpenVINO's NPU plugin" },
    { "npu", "apple", AZ_OLIVE, "ONNX Runtime's Core ML provider, as Olive sets it up" },
    { "npu", "qualcomm", AZ_OLIVE, "ONNX Runtime's QNN provider, as Olive sets it up" },
    { "vpu", "intel", AZ_OPENVINO, "OpenVINO, in the releases that still have its plugin" },
    { "edge-tpu", NULL, -1,
      "it runs only int8 TensorFlow Lite graphs compiled for it, with 8 MB of weights on the "
      "chip" },
    { "npu", "hailo", -1, "it runs only graphs made by Hailo's own compiler" },
    { "npu", "google", -1, "its compiler is open to the phone's own apps only" },
    { "npu", "st", -1, "it runs only graphs made by ST Edge AI, convolutional ones at best" },
    { "neuromorphic", NULL, -1, "it runs spiking networks, not the matrix products of this model" },
    { "quantum", NULL, -1, "no quantum computer multiplies matrices of this size" },
    { "optical", NULL, -1, "no engine here drives an optical processor" },
    { NULL, NULL, -1, "no engine here knows this kind of accelerator" },
};
