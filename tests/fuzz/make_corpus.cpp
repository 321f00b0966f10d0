// Writes the seed corpus: make_corpus FOLDER writes FOLDER/TARGET/NAME for each fuzz target.
//
// Small sound inputs of every kind that a reader knows, and the damage that matters: cut off,
// wrong magic, sizes beyond all bounds. Files that it does not write, inputs which once found
// something, stay as they are.
#include <cstdio>
#include <numeric>

#include "fuzz/corpus.hpp"
#include "fuzz/target.hpp"
#include "io/cache/manifest.hpp"
#include "io/cache/shard.hpp"
#include "io/cache/write_plan.hpp"
#include "io/loader/dataset.hpp"
#include "io/tar_bytes.hpp"
#include "io/user_hdf5.hpp"
#include "io/user_images.hpp"

namespace podium::fuzz {
namespace {

using test::UserHdf5;

// The inverse of target.hpp's cut().
Bytes joined(const std::vector<Bytes>& pieces) {
  Bytes input;
  for (size_t i = 0; i + 1 < pieces.size(); ++i) {
    input.push_back(static_cast<uint8_t>(pieces[i].size()));
    input.push_back(static_cast<uint8_t>(pieces[i].size() >> 8));
  }
  for (const Bytes& piece : pieces) input.insert(input.end(), piece.begin(), piece.end());
  return input;
}

Bytes with_flags(uint8_t flags, const std::vector<Bytes>& files) {
  Bytes input = joined(files);
  input.insert(input.begin(), flags);
  return input;
}

void write_idx(const std::filesystem::path& root) {
  const Corpus corpus(root, "idx");
  const Bytes images = test::idx_bytes({6, 3, 2}, test::test_images(0, 6, 6));
  const Bytes labels = test::idx_bytes({6}, test::test_labels(6, 3));
  const Bytes colour = test::idx_bytes({6, 1, 2, 3}, test::test_images(0, 6, 6));
  const Bytes huge = test::idx_bytes({0xffffffff, 0xffff, 0xff}, test::test_images(0, 6, 6));
  const Bytes many = test::idx_bytes({0xffffffff}, test::test_labels(6, 3));
  Bytes magic = images;
  magic[2] = 13;
  corpus.add("plain", with_flags(0, {images, labels, images, labels}));
  corpus.add("packed", with_flags(15, {images, labels, images, labels}));
  corpus.add("colour", with_flags(1, {colour, labels, colour, labels}));
  corpus.add("huge_plain", with_flags(0, {huge, many, huge, many}));
  corpus.add("huge_packed", with_flags(15, {huge, many, huge, many}));
  corpus.add("magic", with_flags(0, {magic, labels, images, labels}));
  corpus.add("cut_gzip", with_flags(0, {{0x1f, 0x8b, 8}, labels, images, labels}));
  corpus.add("swapped", with_flags(0, {labels, images, images, labels}));
}

void write_gzip(const std::filesystem::path& root) {
  const Corpus corpus(root, "gzip");
  const Bytes content = test::test_images(0, 40, 20);
  const Bytes packed = test::gzip(content);
  Bytes two = packed;
  two.insert(two.end(), packed.begin(), packed.end());
  Bytes followed = packed;
  followed.push_back('x');
  Bytes wrong_sum = packed;
  wrong_sum[wrong_sum.size() - 6] ^= 1;
  corpus.add("plain", content);
  corpus.add("packed", packed);
  corpus.add("two_members", two);
  corpus.add("followed", followed);
  corpus.add("wrong_sum", wrong_sum);
  corpus.add("zeros", test::gzip(Bytes(size_t{1} << 20, 0)));
  corpus.add_cut("cut", packed, packed.size() / 2);
  corpus.add_cut("cut_header", packed, 7);
}

void write_cifar(const std::filesystem::path& root) {
  const Corpus corpus(root, "cifar");
  constexpr uint32_t record_bytes = 3073;
  Bytes record = test::test_images(0, 1, record_bytes);
  record[0] = 3;
  Bytes bad_label = record;
  bad_label[0] = 200;
  const std::string names = "a\nb\nc\nd\n\n";
  const Bytes classes(names.begin(), names.end());
  corpus.add("plain", joined({{}, record, record}));
  corpus.add("packed", joined({classes, test::gzip(record), test::gzip(record)}));
  corpus.add("bad_label", joined({classes, test::gzip(bad_label), test::gzip(record)}));
  corpus.add("cut", joined({{}, {record.begin(), record.begin() + 99}, record}));
}

void write_images(const std::filesystem::path& root, const ScratchFolder& scratch) {
  const Corpus corpus(root, "image");
  const std::filesystem::path file = scratch / "image";
  const auto keep = [&](const std::string& name) { corpus.add(name, test::read_bytes(file)); };
  const Bytes gray = test::test_images(0, 1, 9 * 10);
  const Bytes colour = test::test_images(0, 1, 9 * 10 * 3);
  test::write_png(file, {9, 10, 1}, gray);
  keep("gray.png");
  Bytes huge = test::read_bytes(file);
  for (size_t i = 16; i < 24; ++i) huge[i] = i % 4 < 2 ? 0 : 0x3f;  // width and height
  corpus.add("huge.png", huge);
  corpus.add_cut("cut.png", test::read_bytes(file), 60);
  test::write_png(file, {9, 10, 3}, colour);
  keep("colour.png");
  test::PngKind palette{PNG_COLOR_TYPE_PALETTE, 2};
  palette.palette.assign(4, {10, 20, 30});
  palette.palette_alpha.assign(2, 7);
  palette.interlaced = true;
  test::write_png(file, 9, 10, palette, Bytes(9 * 3, 0x1b));
  keep("palette.png");
  test::write_png(file, 4, 4, {PNG_COLOR_TYPE_RGB_ALPHA, 16}, Bytes(4 * 4 * 8, 77));
  keep("alpha16.png");
  for (const size_t channels : {1, 3, 4}) {
    test::write_jpeg(file, {9, 10, channels}, test::test_images(0, 1, 90 * 4));
    keep("baseline" + std::to_string(channels) + ".jpg");
  }
  test::write_jpeg(file, {9, 10, 3}, colour, true);
  keep("progressive.jpg");
  corpus.add_cut("cut.jpg", test::read_bytes(file), 300);
}

void write_hdf5(const std::filesystem::path& root, const ScratchFolder& scratch) {
  const Corpus corpus(root, "hdf5");
  const std::filesystem::path file = scratch / "set.h5";
  const auto keep = [&](const std::string& name) { corpus.add(name, test::read_bytes(file)); };
  constexpr uint32_t records = 6;
  const Bytes pixels = test::test_images(0, records, 4);
  const Bytes labels = test::test_labels(records, 3);
  const std::vector<float> floats(records * 4, 0.5F);
  const auto write_pair = [&](UserHdf5& to, const std::string& prefix,
                              const test::UserLayout& layout) {
    to.dataset(prefix + "images", H5T_STD_U8LE, H5T_NATIVE_UINT8, {records, 2, 2}, pixels.data(),
               layout);
    to.dataset(prefix + "labels", H5T_STD_I64LE, H5T_NATIVE_UINT8, {records}, labels.data());
  };
  for (const bool newest : {false, true}) {
    const std::string format = newest ? "_new" : "_old";
    {
      UserHdf5 to(file, newest);
      write_pair(to, "", {});
      write_pair(to, "test_", {});
      to.attribute("class_names", R"(["a","b","c"])", true);
    }
    keep("plain" + format);
    {
      UserHdf5 to(file, newest);
      to.group("train");
      write_pair(to, "train/", {{4, 2, 2}, 6, true, true});
      to.attribute("class_names", R"(["a","b","c"])", false);
    }
    keep("chunked" + format);
    {
      UserHdf5 to(file, newest);
      to.dataset("images", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {records, 2, 2, 1}, floats.data());
      to.dataset("labels", H5T_STD_U8LE, H5T_NATIVE_UINT8, {records}, labels.data());
    }
    keep("floats" + format);
    corpus.add_cut("cut" + format, test::read_bytes(file), 900);
  }
}

constexpr io::ImageShape cache_shape{2, 2, 1};

io::Manifest small_manifest() {
  io::Manifest manifest;
  manifest.name = manifest.source = manifest.location = "set";
  manifest.digest = manifest.source_digest = "0123456789abcdef";
  manifest.source_records = 16;
  manifest.source_train_records = manifest.train_records = 12;
  manifest.test_records = 4;
  manifest.built = manifest.updated = "2026-01-02T03:04:05Z";
  manifest.shape = cache_shape;
  manifest.class_names = {"a", "b"};
  manifest.validation = {1, 5, 9};
  manifest.mean = manifest.stddev = {0.25};
  return manifest;
}

io::ShardEntry write_shard(const std::filesystem::path& path, io::Part part, uint64_t records) {
  io::ShardWriter shard(path, cache_shape, records);
  shard.append(Bytes(records * cache_shape.bytes(), 7), Bytes(records, 1));
  const io::Seal seal = shard.finish();
  return {part, path.filename().string(), 0, records, seal.bytes, seal.xxh3, 0};
}

void write_cache(const std::filesystem::path& root, const ScratchFolder& scratch) {
  const Corpus corpus(root, "cache");
  io::Manifest manifest = small_manifest();
  manifest.shards = {write_shard(scratch / "train.h5", io::Part::train, 12),
                     write_shard(scratch / "test.h5", io::Part::test, 4)};
  io::write_manifest(scratch / io::manifest_file, manifest);
  const auto content = [&](const std::string& name) { return test::read_bytes(scratch / name); };
  const Bytes train = content("train.h5");
  const Bytes test = content("test.h5");
  const Bytes sound = content(io::manifest_file);
  corpus.add("sound", joined({sound, train, test}));
  corpus.add("cut_manifest", joined({{sound.begin(), sound.begin() + 700}, train, test}));
}

std::string manifest_text(const std::string& shards, const std::string& records) {
  return R"({"name":"s","source":"s","location":"s","digest":"00","source_digest":"00",)"
         R"("source_records":16,"source_train_records":12,"transform":"","built":"","updated":"",)"
         R"("shape":[2,2,1],"class_names":["a","b"],)" +
         records +
         R"("split_seed":0,"mean":[0.5],"stddev":[0.5],"generation":0,"appends":[],"shards":[)" +
         shards + "]}";
}

void write_manifests(const std::filesystem::path& root) {
  const Corpus corpus(root, "manifest");
  const std::string three{'\3', '\1', '\5', '\11'};
  const std::string shards =
      R"({"part":"train","file":"train.h5","first":0,"records":12,"bytes":9,"xxh3":"@TRAIN",)"
      R"("generation":0},{"part":"test","file":"test.h5","first":0,"records":4,"bytes":9,)"
      R"("xxh3":"@TEST","generation":0})";
  const std::string records = R"("train_records":12,"test_records":4,)";
  const auto swap = [](std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  };
  const std::string sound = three + manifest_text(shards, records);
  corpus.add("sound", sound);
  corpus.add("no_validation", std::string(1, '\0') + sound.substr(three.size()));
  corpus.add("huge_shape", swap(sound, "[2,2,1]", "[4294967296,4294967296,1]"));
  corpus.add("huge_records",
             three + manifest_text(swap(shards, "12", "18446744073709551615"),
                                   R"("train_records":18446744073709551615,"test_records":4,)"));
  corpus.add("negative", swap(sound, R"("records":12)", R"("records":-12)"));
  corpus.add("outside", swap(sound, "train.h5", "../../train.h5"));
  corpus.add("bad_sum", swap(sound, "@TRAIN", "zz"));
  corpus.add("long_sum", swap(sound, "@TRAIN", std::string(40, 'f')));
  corpus.add("appended", swap(sound, R"("generation":0,"appends":[])",
                              R"("generation":1,"appends":[{"generation":1,"source":"s",)"
                              R"("digest":"0","own":true,"records":4,"at":""}])"));
}

void write_texts(const std::filesystem::path& root) {
  const Corpus corpus(root, "text");
  corpus.add("transform", std::string("tresize 8 8; pad 2;crop 6 6; grayscale;rgb"));
  corpus.add("transform_huge", std::string("tresize 16384 16384; pad 99999999999999999999"));
  corpus.add("synthetic", std::string("s100,4,4,1,10,7"));
  corpus.add("synthetic_huge", std::string("s4294967295,4096,4096,1,256"));
  corpus.add("place", std::string("pfile:///data/Some Set.h5/"));
  corpus.add("place_url", std::string("phttps://example.org/a/b?c=d"));
  corpus.add("place_set", std::string("pfashion_mnist"));
}

void write_archives(const std::filesystem::path& root) {
  const Corpus corpus(root, "archive");
  const Bytes content = test::test_images(0, 1, 100);
  const Bytes tar = test::tar_bytes({{"set/a.bin", content}, {"set/b.bin", {1, 2, 3}}});
  Bytes huge = tar;
  for (size_t i = 124; i < 135; ++i) huge[i] = '7';  // the size of the first entry
  corpus.add("plain", tar);
  corpus.add("packed", test::gzip(tar));
  corpus.add("huge_packed", test::gzip(huge));
  corpus.add_cut("cut", tar, 700);
  corpus.add("upwards", test::gzip(test::tar_bytes({{"../a.bin", content}, {"b.bin", content}})));
  corpus.add("link", test::gzip(test::tar_bytes({{"a.bin", {}, '2', "/etc/passwd"}})));
  corpus.add("twice", test::gzip(test::tar_bytes({{"a.bin", {}}, {"x/a.bin", {}}})));
}

void write_plans(const std::filesystem::path& root) {
  const Corpus corpus(root, "plan");
  io::WritePlan plan{"/cache", "set", "0a1b", 2, {{{0, 12, 100}, {0, 0, 7}}}, {3, 2, 1}};
  corpus.add("plan", plan.to_json());
  io::ShardReport report{{{io::Part::train, "train.h5", 0, 12, 999, 0xabcdef, 0}}, {1, 2}, {3, 4}};
  corpus.add("report", report.to_json());
  corpus.add("deep", std::string(3000, '['));
}

// The first byte is the parser's (serve_target.cpp).
void write_spaces(const std::filesystem::path& root) {
  const Corpus corpus(root, "space");
  corpus.add("numbers", "conv {8|16} {1|3}; bn; relu; dense classes");
  corpus.add("layers", "conv 8 3; {identity|bn; relu|res 8 1 { conv {8|4} 3 }}; dense classes");
  corpus.add("repeat", "repeat 3 { conv {8|16} 3; bn; relu }; {pool 2|avgpool 2}; dense classes");
  corpus.add("anchors", "repeat 4 { conv {8|16|24|32} {1|3|5}; bn; anchor }; gap; dense classes");
  corpus.add("within", "res 8 1 { repeat 2 { conv {4|8} 1 }; conv 8 3 }; dense classes");
  corpus.add("many", "repeat 16 { repeat 16 { {bn|relu} } }; dense classes");
  corpus.add("too_many", "repeat 1024 { repeat 1024 { {bn|relu} } }; dense classes");
  corpus.add("open", "repeat 2 { conv {8|16 3 }; dense classes");
}

}  // namespace
}  // namespace podium::fuzz

int main(int count, char** values) {
  using namespace podium::fuzz;
  if (count != 2) {
    std::fprintf(stderr, "usage: make_corpus FOLDER\n");
    return EXIT_FAILURE;
  }
  const std::filesystem::path root = values[1];
  const ScratchFolder scratch;
  write_idx(root);
  write_gzip(root);
  write_cifar(root);
  write_images(root, scratch);
  write_hdf5(root, scratch);
  write_cache(root, scratch);
  write_manifests(root);
  write_texts(root);
  write_archives(root);
  write_plans(root);
  write_serve(root);
  write_spaces(root);
  write_frames(root);
  write_ps(root);
  return EXIT_SUCCESS;
}
