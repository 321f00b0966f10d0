// For tests that need a GPU: they skip themselves, with the reason, where there is none.
#pragma once

#include <gtest/gtest.h>

#include "core/accelerator.hpp"

// The first line of such a test, or of its fixture's SetUp().
#define PODIUM_NEEDS_GPU()                                                   \
  do {                                                                       \
    const podium::AcceleratorProbe gpu_probe = podium::probe_accelerators(); \
    if (!gpu_probe.any()) GTEST_SKIP() << "no GPU: " << gpu_probe.why_none;  \
  } while (false)
