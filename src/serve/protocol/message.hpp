// Message: what a request and its reply say beside their bodies. Pure.
//
// A listener fills RequestFields from HTTP headers, or from what came by MPI; the replica that
// answers reads them, for the bodies are parsed there. ReplyFields go the other way: what the
// listener must say in headers, and what the answer cost, for the meters.
#pragma once

#include <cstdint>

namespace podium::serve {

enum class Method : uint8_t { get = 0, post = 1, other = 2 };

// How a body is compressed (Content-Encoding). `deflate` is the zlib format, as RFC 9110 has it.
enum class Encoding : uint8_t { identity = 0, gzip = 1, deflate = 2 };

struct RequestFields {
  // Inference-Header-Content-Length: bytes of JSON before the binary tensors; 0: the body is one
  // raw tensor; absent: all of it is JSON.
  static constexpr int64_t absent = -1;
  int64_t json_bytes = absent;
  Encoding encoding = Encoding::identity;  // of the body
  Encoding wanted = Encoding::identity;    // of the reply's, by Accept-Encoding
  uint8_t priority = 0;                    // Podium-Priority: 0 is the default, 1 the most urgent
  uint32_t timeout_ms = 0;  // Podium-Timeout-Ms: what is left to answer; 0: no limit of its own

  bool operator==(const RequestFields&) const = default;
};

// What the answer to a prediction cost; all zero when none was computed.
struct ReplyCost {
  uint32_t images = 0;
  uint32_t batch_images = 0;  // of the batch in which it was computed
  uint32_t version = 0;       // that computed it
  uint64_t queue_ns = 0;      // between its parsing and its batch
  uint64_t input_ns = 0;      // parsing
  uint64_t infer_ns = 0;      // its batch, in the model
  uint64_t output_ns = 0;     // wording the reply

  bool operator==(const ReplyCost&) const = default;
};

struct ReplyFields {
  int status = 200;
  int64_t json_bytes = RequestFields::absent;  // as above; absent: the reply is JSON
  Encoding encoding = Encoding::identity;
  ReplyCost cost;

  bool operator==(const ReplyFields&) const = default;
};

}  // namespace podium::serve
