// The binary grammar between a service and its replicas.
#include "serve/replica/frame.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "core/error.hpp"

namespace podium::serve {
namespace {

void feed(FrameReader* reader, std::string_view bytes) {
  const std::span<char> space = reader->space();
  ASSERT_GE(space.size(), bytes.size());
  std::memcpy(space.data(), bytes.data(), bytes.size());
  reader->commit(bytes.size());
}

ReplyFields with_status(int status) {
  ReplyFields fields;
  fields.status = status;
  return fields;
}

TEST(Frame, HasTheDocumentedBytes) {
  const std::string head =
      encode_request_head(0x0102030405060708, Method::post,
                          {-1, Encoding::gzip, Encoding::deflate, 7, 0x0102}, "/p", 3);
  EXPECT_EQ(head, std::string("\x17\0\0\0\x01\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01"
                              "\x01\x01\x02\x07\x02\x01\0\0"
                              "\xff\xff\xff\xff\xff\xff\xff\xff\x02\0/p",
                              36));
}

TEST(Frame, CarriesEveryKindUnchanged) {
  FrameReader reader(1000);
  const RequestFields fields{99, Encoding::deflate, Encoding::gzip, 3, 2500};
  ReplyFields answer = with_status(503);
  answer.json_bytes = 5;
  answer.encoding = Encoding::gzip;
  answer.cost = {1, 2, 3, 4, 5, 6, 7};
  feed(&reader, encode_request_head(7, Method::post, fields, "/v2/models/m/infer", 4) + "body" +
                    encode_reply_head(8, answer, 2) + "{}" +
                    encode_version_frame(FrameKind::prepare, 3, 12, "/a/path"));
  const RequestView request = decode_request(reader.next()->payload);
  EXPECT_EQ(request.method, Method::post);
  EXPECT_EQ(request.target, "/v2/models/m/infer");
  EXPECT_EQ(request.fields, fields);
  EXPECT_EQ(request.body, "body");
  const Frame second = *reader.next();
  EXPECT_EQ(second.id, 8u);
  EXPECT_EQ(decode_reply(second.payload).fields, answer);
  EXPECT_EQ(decode_reply(second.payload).body, "{}");
  const Frame third = *reader.next();
  EXPECT_EQ(third.id, 3u);
  const VersionView order = decode_version(third.payload);
  EXPECT_EQ(order.version, 12);
  EXPECT_EQ(order.text, "/a/path");
  EXPECT_FALSE(reader.next());
}

TEST(Frame, ArrivesWholeFromSingleBytes) {
  const std::string bytes = encode_reply_head(1, with_status(200), 5) + "first" +
                            encode_reply_head(2, with_status(200), 6) + "second";
  FrameReader reader(1000);
  std::vector<std::string> bodies;
  for (const char byte : bytes) {
    feed(&reader, {&byte, 1});
    const bool promised = reader.has_next();
    const auto frame = reader.next();
    EXPECT_EQ(promised, frame.has_value());
    if (frame) bodies.emplace_back(decode_reply(frame->payload).body);
  }
  EXPECT_FALSE(reader.has_next());
  EXPECT_EQ(bodies, (std::vector<std::string>{"first", "second"}));
}

TEST(Frame, LargeOnesMakeTheReaderGrow) {
  const std::string body(5 << 20, 'x');
  const std::string bytes = encode_reply_head(1, with_status(200), body.size()) + body;
  FrameReader reader(size_t{8} << 20);
  size_t sent = 0;
  while (sent < bytes.size()) {
    const std::span<char> space = reader.space();
    const size_t part = std::min(space.size(), bytes.size() - sent);
    std::memcpy(space.data(), bytes.data() + sent, part);
    reader.commit(part);
    sent += part;
    if (sent < bytes.size()) {
      ASSERT_FALSE(reader.next());
    }
  }
  EXPECT_EQ(decode_reply(reader.next()->payload).body, body);
}

TEST(Frame, IsTakenFromAWholeMessage) {
  const std::string text = encode_reply_head(8, with_status(200), 2) + "{}";
  const auto bytes = std::as_bytes(std::span(text));
  const Frame frame = decode_frame(bytes);
  EXPECT_EQ(frame.id, 8u);
  EXPECT_EQ(decode_reply(frame.payload).body, "{}");
  for (const size_t less : {size_t{1}, size_t{3}, text.size()}) {
    EXPECT_THROW(decode_frame(bytes.first(text.size() - less)), Error) << less;
  }
  const std::string more = text + "x";
  EXPECT_THROW(decode_frame(std::as_bytes(std::span(more))), Error);
}

TEST(Frame, BreachesOfTheGrammarAreErrors) {
  FrameReader too_long(10);
  feed(&too_long, encode_frame(FrameKind::reply, 1, "", 11));
  EXPECT_THROW(too_long.next(), Error);
  FrameReader unknown_kind(10);
  feed(&unknown_kind, encode_frame(static_cast<FrameKind>(99), 1, ""));
  EXPECT_THROW(unknown_kind.next(), Error);
  EXPECT_THROW(decode_request("\x01"), Error);
  EXPECT_THROW(decode_request(std::string(16, '\0') + std::string("\xff\0short", 7)), Error);
  EXPECT_THROW(decode_request("\x09" + std::string(17, '\0')), Error);
  EXPECT_THROW(decode_request(std::string("\x01\x03") + std::string(16, '\0')), Error);
  EXPECT_THROW(decode_reply("x"), Error);
  EXPECT_THROW(decode_version("abc"), Error);
}

}  // namespace
}  // namespace podium::serve
