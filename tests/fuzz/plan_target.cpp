// The messages that the ranks of an ingest exchange: what is read as a plan or a report can be
// written and read again. That another text is refused as an internal_error is their contract.
#include "fuzz/target.hpp"
#include "io/cache/write_plan.hpp"

using namespace podium;

namespace {

template <typename Message>
void read_twice(const std::string& text) {
  std::string written;
  try {
    written = Message::from_json(text).to_json();
  } catch (const Error& error) {
    fuzz::expect(error.code() == ExitCode::internal, "an unusual refusal of a message");
    return;
  }
  fuzz::expect(Message::from_json(written).to_json() == written, "a message that changes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text = fuzz::as_text({data, size});
  fuzz::read_or_refuse([&] {
    read_twice<io::WritePlan>(text);
    read_twice<io::ShardReport>(text);
  });
  return 0;
}
