// The version of cuDNN that the emulation passes for.
#pragma once

#define CUDNN_MAJOR 9
#define CUDNN_MINOR 8
#define CUDNN_PATCHLEVEL 0
