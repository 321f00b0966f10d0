// A tiny HTTP/1.1 server on a loopback socket that serves the files of one folder, for tests: with
// or without ranges (RFC 9110, section 14), and with connections that break in the middle.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "core/file_descriptor.hpp"
#include "io/data_files.hpp"

namespace podium::test {

struct HttpServerOptions {
  bool ranges = true;            // answers Range with 206
  std::string etag = "\"one\"";  // of all files; empty: none
  size_t body_limit = 0;         // a connection breaks after so many bytes of a body; 0: never
  size_t range_shift = 0;        // a range begins so many bytes too late
  uint64_t announced_bytes = 0;  // Content-Length of whole files; 0: the true one
};

class HttpServer {
 public:
  explicit HttpServer(std::filesystem::path folder, HttpServerOptions options = {})
      : folder_(std::move(folder)),
        options_(std::move(options)),
        socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(socket_.get(), generic, size) != 0 || listen(socket_.get(), 8) != 0 ||
        getsockname(socket_.get(), generic, &size) != 0) {
      throw std::runtime_error("cannot listen on loopback");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~HttpServer() {
    stop_ = true;
    thread_.join();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int requests() const { return requests_; }
  int ranges() const { return ranges_; }  // answered with 206

  // Takes effect from the next request on.
  void set_options(const HttpServerOptions& options) {
    const std::lock_guard lock(mutex_);
    options_ = options;
  }

 private:
  void run() {
    while (!stop_) {
      pollfd waiting{socket_.get(), POLLIN, 0};
      if (poll(&waiting, 1, 20) <= 0) continue;
      const FileDescriptor client(accept(socket_.get(), nullptr, nullptr));
      if (client) answer(client.get());
    }
  }

  HttpServerOptions options() {
    const std::lock_guard lock(mutex_);
    return options_;
  }

  // The value of a header field as this file's own client writes it; empty: there is none.
  static std::string field(const std::string& request, const std::string& name) {
    const size_t line = request.find("\r\n" + name + ": ");
    if (line == std::string::npos) return {};
    const size_t begin = line + name.size() + 4;
    return request.substr(begin, request.find("\r\n", begin) - begin);
  }

  static std::string read_request(int client) {
    std::string request;
    std::array<char, 4096> buffer;
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t count = ::read(client, buffer.data(), buffer.size());
      if (count <= 0) return {};
      request.append(buffer.data(), static_cast<size_t>(count));
    }
    return request;
  }

  // The head of the reply; drops from `body` what the client did not ask for.
  std::string reply_head(const HttpServerOptions& options, const std::string& request,
                         Bytes& body) {
    const std::string condition = field(request, "If-Range");
    const std::string range = field(request, "Range");
    const size_t total = body.size();
    const std::string common =
        "Connection: close\r\n" + (options.etag.empty() ? "" : "ETag: " + options.etag + "\r\n");
    if (!options.ranges || range.empty() || (!condition.empty() && condition != options.etag)) {
      const uint64_t announced = options.announced_bytes > 0 ? options.announced_bytes : total;
      return "HTTP/1.1 200 OK\r\n" + common + "Content-Length: " + std::to_string(announced);
    }
    const size_t first =
        std::stoull(range.substr(std::string("bytes=").size())) + options.range_shift;
    if (first >= total) {
      body.clear();
      return "HTTP/1.1 416 Range Not Satisfiable\r\n" + common + "Content-Length: 0";
    }
    ++ranges_;
    body.erase(body.begin(), body.begin() + static_cast<long>(first));
    return "HTTP/1.1 206 Partial Content\r\n" + common +
           "Content-Length: " + std::to_string(body.size()) + "\r\nContent-Range: bytes " +
           std::to_string(first) + "-" + std::to_string(total - 1) + "/" + std::to_string(total);
  }

  void answer(int client) {
    ++requests_;
    const HttpServerOptions options = this->options();
    const std::string request = read_request(client);
    const size_t begin = request.find('/');
    if (begin == std::string::npos) return;
    const std::string name = request.substr(begin + 1, request.find(' ', begin) - begin - 1);
    Bytes body;
    std::string reply = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0";
    if (std::filesystem::is_regular_file(folder_ / name)) {
      body = read_bytes(folder_ / name);
      reply = reply_head(options, request, body);
    }
    if (options.body_limit > 0) body.resize(std::min(body.size(), options.body_limit));
    reply.append("\r\n\r\n").append(body.begin(), body.end());
    for (size_t sent = 0; sent < reply.size();) {
      const ssize_t count = send(client, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return;
      sent += static_cast<size_t>(count);
    }
  }

  std::filesystem::path folder_;
  HttpServerOptions options_;
  std::mutex mutex_;
  FileDescriptor socket_;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> requests_{0};
  std::atomic<int> ranges_{0};
  std::thread thread_;
};

}  // namespace podium::test
