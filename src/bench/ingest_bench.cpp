// Ingest of the source's files, against bench/ingest_h5py.py and against what gunzip and the disk
// allow.
#include <nlohmann/json.hpp>

#include "bench/io_bench.hpp"
#include "bench/peer.hpp"
#include "bench/samples.hpp"
#include "bench/scratch_cache.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files/atomic_file.hpp"
#include "io/sources/byte_stream.hpp"
#include "io/sources/idx_source.hpp"
#include "io/sources/named_set.hpp"

namespace podium::bench {
namespace {

// The folder with the four IDX files of `source`, if it is one that lies on this machine.
std::optional<std::filesystem::path> idx_folder(const std::string& source) {
  std::vector<std::filesystem::path> folders{source};
  for (const io::NamedSet& set : io::named_sets()) {
    if (set.name == source) folders = set.folders;
  }
  for (const std::filesystem::path& folder : folders) {
    if (io::find_idx_files(folder)) return folder;
  }
  return {};
}

// Reads the four files and drops what they hold.
void inflate(const io::IdxFiles& files) {
  std::vector<uint8_t> buffer(size_t{1} << 20);
  for (const auto* path :
       {&files.train_images, &files.train_labels, &files.test_images, &files.test_labels}) {
    io::ByteStream stream(*path);
    while (stream.read(buffer) > 0) {
    }
  }
}

// Writes `bytes` durably.
void write_durably(const std::filesystem::path& folder, uint64_t bytes) {
  io::TemporaryFile file(folder / "bandwidth");
  const std::string piece(size_t{1} << 20, 'x');
  for (uint64_t left = bytes; left > 0;) {
    const size_t count = std::min<uint64_t>(left, piece.size());
    io::write_all(file.descriptor(), std::string_view(piece).substr(0, count), file.target());
    left -= count;
  }
  file.publish();
}

std::optional<double> peer_seconds(const std::string& python, const std::filesystem::path& script,
                                   const std::filesystem::path& data,
                                   const std::filesystem::path& output) {
  return run_peer({python, script.string(), data.string(), output.string()})
      .at("seconds")
      .get<double>();
}

}  // namespace

std::vector<Row> bench_ingest(const IoBenchOptions& options) {
  ScratchCache cache(options.folder, options.source, options.log);
  const auto data = idx_folder(options.source);
  const std::filesystem::path script = options.scripts / "ingest_h5py.py";
  const std::string python = python_with("h5py");
  const bool has_peer = data && !python.empty() && std::filesystem::exists(script);

  std::vector<std::function<double()>> candidates{[&] { return cache.rebuild(); }};
  if (data) {
    const io::IdxFiles files = io::find_idx_files(*data).value();
    candidates.push_back([files] { return seconds_of([&] { inflate(files); }); });
    candidates.push_back(
        [&] { return seconds_of([&] { write_durably(cache.folder(), cache.bytes()); }); });
  }
  if (has_peer) {
    candidates.push_back(
        [&] { return *peer_seconds(python, script, *data, cache.folder() / "peer.h5"); });
  }
  const std::vector<Samples> samples = alternate(options.repetitions, candidates);

  Row row{"ingest, 1 rank, synced to disk", "s", samples[0].median(), samples[0].spread()};
  row.note = format("%.1f MB of images", static_cast<double>(cache.bytes()) * 1e-6);
  if (data) {
    row.limit = samples[1].median() + samples[2].median();
    row.note += format("; limit: gunzip %.3f s + durable write %.3f s, %.0f %% of it reached",
                       samples[1].median(), samples[2].median(), 100 * *row.limit / row.ours);
  }
  if (has_peer) {
    row.theirs = samples.back().median();
    row.ratio = *row.theirs / row.ours;
    row.note += "; theirs: bench/ingest_h5py.py, not synced";
  } else {
    row.note += "; theirs: needs IDX files here, " + script.string() + " and a python3 with h5py";
  }
  return {row};
}

std::vector<Row> bench_io(const IoBenchOptions& options) {
  std::vector<Row> rows = bench_ingest(options);
  const auto add = [&](std::vector<Row> more) {
    rows.insert(rows.end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
  };
  const ScratchCache cache(options.folder, options.source, options.log);
  add(bench_loader(options, cache.path()));
  add(bench_hit_rates());
  add(bench_caching(options));
  return rows;
}

}  // namespace podium::bench
