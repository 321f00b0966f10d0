#include "run_folder.hpp"

#include "io/files/atomic_file.hpp"

namespace podium {

void prepare_run_folder(const std::filesystem::path& folder, const Config& config) {
  io::create_folder(folder);
  io::write_text_file(folder / "config.cfg", config.print());
}

}  // namespace podium
