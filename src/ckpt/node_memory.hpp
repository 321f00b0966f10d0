// Folders in the memory of a node (/dev/shm) for checkpoints that outlive a job, not the node.
//
//   /dev/shm/podium-UID/KEY/        one run folder's; KEY is a hash of its path
//   /dev/shm/podium-UID/KEY/run_dir that path, and the mark of the run folder
//
// Only the user may enter (mode 0700): a folder that somebody else owns is refused. What belongs to
// a run folder that is gone, or was made anew since, is removed by whoever comes next. Calls change
// nothing but files, under a lock.
#pragma once

#include <filesystem>

namespace podium::ckpt {

// Where the memory of this node is: /dev/shm.
std::filesystem::path node_memory_root();

// Gives a run folder its mark, the file `mark` of random text, by which it is told from an earlier
// one of its name. Throws io_error.
void mark_run(const std::filesystem::path& run_dir);

// The folder for `run_dir` below `root`, made if it is not there; stale ones of the user go. Throws
// io_error when there is none to be had.
std::filesystem::path open_node_memory(const std::filesystem::path& root,
                                       const std::filesystem::path& run_dir);

// Removes the folder of `run_dir`, if nothing but its path is in it. Never throws.
void leave_node_memory(const std::filesystem::path& root,
                       const std::filesystem::path& run_dir) noexcept;

}  // namespace podium::ckpt
