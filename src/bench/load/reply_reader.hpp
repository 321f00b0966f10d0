// ReplyReader: HTTP/1.1 replies out of a byte stream; their statuses are kept, bodies are not.
//
// Beast parses. Pure: no sockets. Used by one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace podium::bench {

class ReplyReader {
 public:
  struct Reply {
    int status = 0;
    bool keep_alive = false;
  };

  ReplyReader();
  ~ReplyReader();
  ReplyReader(ReplyReader&&) noexcept;
  ReplyReader& operator=(ReplyReader&&) noexcept;

  // Room to receive into, never empty; commit() says how much was received.
  std::span<char> space();
  void commit(size_t bytes) { end_ += bytes; }

  // The next whole reply, if it has arrived. Throws data_error for what is no HTTP.
  std::optional<Reply> next();
  // The stream ended: a reply that only the end of its connection ends, if that is one.
  std::optional<Reply> finish();

 private:
  class Parser;

  Reply take();

  std::unique_ptr<Parser> parser_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace podium::bench
