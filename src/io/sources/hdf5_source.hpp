// Hdf5Source: images and labels in HDF5 files that others wrote, h5py for instance.
//
//   images   uint8, or float32 or float64 within [0,1], [N,H,W] or [N,H,W,C]
//   labels   integers 0 to 255, [N]
//
// Both at the root of a file, with test_images and test_labels beside them if there is a test part;
// or in groups train and, if there is one, test; or at the roots of two files train.h5 and test.h5.
// Without a test part one record in ten is held out (held_out.hpp). Floats become round(255 x). The
// root's text attribute class_names, a JSON list, names the classes; without it they are 0 to the
// largest train label. Memory stays at one batch and the chunks that one image lies in.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/files/guarded_hdf5.hpp"
#include "io/sources/source.hpp"

namespace podium::io {

struct Hdf5Files {
  std::filesystem::path train;  // or both parts
  std::filesystem::path test;   // empty: there is no second file
};

// Finds train.h5 and test.h5 (or .hdf5) in `folder`. Empty without a train file; throws data_error
// when only the test file is missing.
std::optional<Hdf5Files> find_hdf5_files(const std::filesystem::path& folder);

// The JSON list of the root's attribute class_names; empty when there is none. `path` names the
// file in messages. Throws data_error.
std::vector<std::string> hdf5_class_names(const GuardedHdf5File& file, const std::string& path);

// Opens the files under the cache name `name`, and reads all labels. Of `options`, log and hold_out
// matter. The digest covers the bytes of
// the files. Throws data_error naming the dataset and what was expected, io_error.
std::unique_ptr<Source> open_hdf5_source(const Hdf5Files& files, std::string name, std::string text,
                                         std::string location, const SourceOptions& options);

}  // namespace podium::io
