#include "bench/search_table.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "io/files/hdf5_file.hpp"
#include "io/files/seal.hpp"
#include "search/space.hpp"

namespace podium::bench {
namespace {

constexpr io::Schema table_schema{"podium.search_table", 1,
                                  "make it again: podium bench search --bench.make_table=FILE"};
constexpr uint64_t overhead_bytes = 16384;  // names, texts and headers

}  // namespace

double SearchTable::mean(size_t network) const {
  double sum = 0;
  for (size_t training = 0; training < trainings; ++training) sum += at(network, training);
  return sum / static_cast<double>(trainings);
}

bool SearchTable::complete() const {
  return std::ranges::none_of(accuracy, [](float value) { return std::isnan(value); });
}

void write_search_table(const std::filesystem::path& path, const SearchTable& table) {
  io::TemporaryFile temporary(path);
  const uint64_t bytes = table.accuracy.size() * sizeof(float) + table.space.size() +
                         table.setting.size() + overhead_bytes;
  io::Hdf5File file = io::Hdf5File::create(temporary, bytes);
  file.write_attribute("schema", table_schema.name);
  file.write_attribute("version", std::to_string(table_schema.version));
  file.write_attribute("space", table.space);
  file.write_attribute("setting", table.setting);
  file.create_dataset<float>("accuracy", {table.networks, table.trainings}, 0)
      .write(0, std::span<const float>(table.accuracy));
  file.close();
  io::seal_and_publish(temporary, table_schema);
}

SearchTable read_search_table(const std::filesystem::path& path) {
  io::verify_seal(path, table_schema);
  const io::Hdf5File file = io::Hdf5File::open(path);
  const io::Hdf5Dataset accuracy = file.dataset<float>("accuracy");
  SearchTable table{file.read_attribute("space"), file.read_attribute("setting")};
  if (accuracy.shape().size() != 2 || accuracy.shape()[1] == 0 ||
      static_cast<double>(accuracy.rows()) != search::Space::parse(table.space).networks()) {
    throw data_error("the table does not have a row for each network of its space", path.string(),
                     table_schema.remedy);
  }
  table.networks = accuracy.rows();
  table.trainings = accuracy.row_elements();
  table.accuracy.resize(table.networks * table.trainings);
  accuracy.read(0, std::span<float>(table.accuracy));
  return table;
}

}  // namespace podium::bench
