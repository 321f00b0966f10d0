#include "io/files/guarded_hdf5.hpp"

#include <algorithm>
#include <type_traits>

#include "core/error.hpp"
#include "io/files/hdf5_reader.hpp"

namespace podium::io {
namespace {

constexpr uint64_t piece_bytes = uint64_t{8} << 20;  // of one answer; or one row, if that is larger
constexpr uint64_t side_limit = uint64_t{1} << 32;
constexpr uint64_t elements_limit = uint64_t{1} << 56;

template <typename T>
Hdf5Numbers numbers_of() {
  if constexpr (std::is_same_v<T, uint8_t>) return Hdf5Numbers::uint8;
  if constexpr (std::is_same_v<T, int64_t>) return Hdf5Numbers::int64;
  if constexpr (std::is_same_v<T, double>) return Hdf5Numbers::real;
}

// Whether products of the sizes cannot overflow.
bool is_possible(const std::vector<uint64_t>& shape) {
  uint64_t elements = 1;
  for (const uint64_t size : shape) {
    if (size == 0 || size >= side_limit || elements > elements_limit / size) return false;
    elements *= size;
  }
  return !shape.empty();
}

}  // namespace

uint64_t GuardedDataset::row_elements() const {
  uint64_t elements = 1;
  for (size_t axis = 1; axis < shape_.size(); ++axis) elements *= shape_[axis];
  return elements;
}

template <typename T>
void GuardedDataset::read(uint64_t first, std::span<T> values) const {
  const uint64_t row = row_elements();
  const uint64_t count = values.size() / row;
  require(count * row == values.size() && first + count <= rows(),
          "an HDF5 read takes whole rows of its dataset", where_.c_str());
  const uint64_t rows_at_once = std::max<uint64_t>(1, piece_bytes / (row * sizeof(T)));
  for (uint64_t done = 0; done < count; done += rows_at_once) {
    const auto piece = values.subspan(done * row, std::min(rows_at_once, count - done) * row);
    Hdf5Request request{Hdf5Question::read, numbers_of<T>(), number_};
    request.first = first + done;
    request.values = piece.size();
    reader_->ask(request, "", std::as_writable_bytes(piece));
  }
}

GuardedHdf5File::GuardedHdf5File(const std::filesystem::path& path)
    : reader_(std::make_shared<Hdf5Reader>(path)), path_(path.string()) {
  reader_->ask({Hdf5Question::open}, "", {});
}

GuardedHdf5File::Object GuardedHdf5File::find(const std::string& name) const {
  const uint32_t found = reader_->ask({Hdf5Question::find}, name, {}).answer.detail;
  if (found > static_cast<uint32_t>(Object::other)) reader_->throw_ended();
  return static_cast<Object>(found);
}

GuardedDataset GuardedHdf5File::dataset(const std::string& name) const {
  const Hdf5Answer found = reader_->ask({Hdf5Question::dataset}, name, {}).answer;
  if (found.rank > found.shape.size() ||
      found.detail > static_cast<uint32_t>(GuardedDataset::Elements::real)) {
    reader_->throw_ended();
  }
  GuardedDataset dataset;
  dataset.reader_ = reader_;
  dataset.number_ = found.dataset;
  dataset.where_ = path_ + " dataset " + name;
  dataset.shape_.assign(found.shape.begin(),
                        found.shape.begin() + static_cast<std::ptrdiff_t>(found.rank));
  dataset.elements_ = static_cast<GuardedDataset::Elements>(found.detail);
  if (!is_possible(dataset.shape_)) reader_->throw_ended();
  return dataset;
}

std::optional<std::string> GuardedHdf5File::text_attribute(const std::string& name) const {
  Hdf5Reader::Reply reply = reader_->ask({Hdf5Question::text_attribute}, name, {});
  if (reply.answer.detail == 0) return {};
  return std::move(reply.text);
}

template void GuardedDataset::read(uint64_t, std::span<uint8_t>) const;
template void GuardedDataset::read(uint64_t, std::span<int64_t>) const;
template void GuardedDataset::read(uint64_t, std::span<double>) const;

}  // namespace podium::io
