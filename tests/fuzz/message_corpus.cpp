// Seeds of what travels between processes: requests, frames, messages of parameter servers.
#include "fuzz/corpus.hpp"
#include "ps/message.hpp"
#include "serve/replica/frame.hpp"
#include "serve/request_text.hpp"

namespace podium::fuzz {

void write_serve(const std::filesystem::path& root) {
  const Corpus corpus(root, "serve");
  const std::string infer =
      R"({"id":"1","inputs":[{"name":"image","datatype":"FP32","shape":[1,2,2,1],)"
      R"("data":[[1,2.5],[3,255]]}],"outputs":[{"name":"class"}]})";
  corpus.add("infer", "i" + infer);
  corpus.add("infer_shape",
             "i" + serve::test::numbers_text("UINT8", "-1,9223372036854775808,2", "1e999,-0"));
  corpus.add("infer_deep", "i" + std::string(3000, '['));
  corpus.add("predict", std::string(R"(p{"image_id":7,"image":[1,2,3,4]})"));
  corpus.add("predict_id", std::string("p{\"image_id\":\"\\ud800\",\"image\":[1,2,3,4]}"));
  corpus.add("binary", "b" + serve::test::binary_text("UINT8", "1,2,2,1", 4) + "\1\2\3\4");
  corpus.add("raw", std::string("r\1\2\3\4"));
  Bytes packed = test::gzip(Bytes(5000, '7'));
  packed.insert(packed.begin(), 'z');
  corpus.add("packed", packed);
  Bytes bomb = test::gzip(Bytes(size_t{2} << 20, 0));
  bomb.insert(bomb.begin(), 'z');
  corpus.add("bomb", bomb);
  corpus.add("target", std::string("t/v2/models/m/versions/7/infer?x=y"));
  corpus.add("target_up", std::string("t/v2/models/../../etc/passwd"));
  corpus.add("target_large", std::string("t/v2/models/m/versions/99999999999/ready"));
  corpus.add("header", std::string("hPOST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
                                   "Content-Encoding: gzip\r\nPodium-Priority: 3\r\n"
                                   "Inference-Header-Content-Length: 5\r\n\r\n{}"));
  corpus.add("header_twice", std::string("hPOST / HTTP/1.1\r\nContent-Length: 9\r\n"
                                         "Transfer-Encoding: chunked\r\n\r\n"));
  corpus.add("header_folded", std::string("hGET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n"));
}

void write_frames(const std::filesystem::path& root) {
  const Corpus corpus(root, "frame");
  using namespace serve;
  const std::string body = "{}";
  const std::string request =
      encode_request_head(1, Method::post, {}, "/predict", body.size()) + body;
  corpus.add("request", request);
  corpus.add("reply", encode_reply_head(1, {}, body.size()) + body);
  corpus.add("prepare", encode_version_frame(FrameKind::prepare, 2, 7, "/registry/7"));
  corpus.add("several", request + encode_version_frame(FrameKind::activate, 2, 7) + request);
  corpus.add("cut", request.substr(0, 30));
}

void write_ps(const std::filesystem::path& root) {
  const Corpus corpus(root, "ps");
  std::string text;
  const std::string payload(128, 'p');
  const auto add = [&](ps::Kind kind, uint16_t flags, uint64_t sequence, size_t bytes) {
    ps::Outgoing message;
    message.header.kind = kind;
    message.header.flags = flags;
    message.header.sequence = sequence;
    message.header.width = 1;
    if (bytes > 0) message.segments = {{0, bytes / sizeof(float) / (flags == 0 ? 1 : 2)}};
    message.payload = {std::as_bytes(std::span(payload).first(bytes))};
    ps::seal(message);
    const std::vector<std::byte> encoded = ps::encode(message);
    text.append(reinterpret_cast<const char*>(encoded.data()), encoded.size());
  };
  add(ps::Kind::hello, 0, 1, 0);
  add(ps::Kind::push, 0, 2, 128);
  add(ps::Kind::tick, 0, 3, 0);
  add(ps::Kind::pull, 0, 3, 0);
  corpus.add("step", text);
  add(ps::Kind::push, ps::Flag::sparse, 4, 8);
  add(ps::Kind::push, ps::Flag::relayed, 1, 128);
  corpus.add("sparse", text);
  add(ps::Kind::state, 0, 0, 128);
  corpus.add("state", text);
}

}  // namespace podium::fuzz
