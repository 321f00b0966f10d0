// What GPUs this process can use, or why it has none: the seam by which all other rooms learn of
// them, without a type of CUDA's. One of two implementations is built: cuda_accelerator.cpp, or
// no_accelerator.cpp for a build that computes on CPUs only.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace podium {

struct Accelerator {
  int ordinal = 0;          // its number on this node, as the driver counts those it shows us
  std::string name;         // "NVIDIA H200"
  size_t memory_bytes = 0;  // in all
};

struct AcceleratorProbe {
  bool supported = false;  // this build has a GPU backend
  std::vector<Accelerator> devices;
  std::string why_none;  // one clause; empty when there are devices

  bool any() const { return !devices.empty(); }
};

// Asks the driver, which takes some tenths of a second where there is one. Starts nothing on a GPU:
// a process that then computes on CPUs holds no GPU memory. Never throws for what is absent.
AcceleratorProbe probe_accelerators();

struct LibraryVersion {
  std::string name;     // "CUDA"
  std::string version;  // "13.0, driver 13.0"
};

// CUDA's runtime and driver, as this build and this machine have them. Empty without a GPU backend.
std::vector<LibraryVersion> accelerator_versions();

// One line: "2 x NVIDIA H200, 141 GB each", or "none: " and why.
std::string describe(const AcceleratorProbe& probe);

}  // namespace podium
