// unpack: the files of a tar archive, plain or gzip, as a folder that appears whole or not at all.
//
// Through libarchive. Only regular files with expected names are taken, each under its bare name;
// nothing in an archive can choose where a byte is written. Memory stays at one block.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace podium::io {

struct ArchiveRequest {
  std::filesystem::path archive;
  std::vector<std::string> names;  // of the files to take, without folders; all must be there
  std::filesystem::path folder;    // gets them; must not exist
};

// Unpacks into ".FOLDER.unpacking" and renames that to the folder; what a killed process left under
// this name is removed first, so that a caller has to see to it that one process unpacks at a time.
// Throws data_error for an archive that is damaged, lacks a file or has it twice, holds a link or
// another special file in place of one, a path that is absolute or leads upwards, more than 10,000
// entries, or more than 1 GiB of content; io_error when the folder cannot be written.
void unpack(const ArchiveRequest& request);

}  // namespace podium::io
