// A tiny HTTP/1.1 server on a loopback socket that serves the files of one folder, for tests.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>

#include "core/file_descriptor.hpp"
#include "io/data_files.hpp"

namespace podium::test {

class HttpServer {
 public:
  explicit HttpServer(std::filesystem::path folder)
      : folder_(std::move(folder)), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
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

 private:
  void run() {
    while (!stop_) {
      pollfd waiting{socket_.get(), POLLIN, 0};
      if (poll(&waiting, 1, 20) <= 0) continue;
      const FileDescriptor client(accept(socket_.get(), nullptr, nullptr));
      if (client) answer(client.get());
    }
  }

  void answer(int client) {
    ++requests_;
    std::string request;
    std::array<char, 4096> buffer;
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t count = ::read(client, buffer.data(), buffer.size());
      if (count <= 0) return;
      request.append(buffer.data(), static_cast<size_t>(count));
    }
    const size_t begin = request.find('/');
    const std::string name = request.substr(begin + 1, request.find(' ', begin) - begin - 1);
    const bool found = std::filesystem::is_regular_file(folder_ / name);
    const Bytes body = found ? read_bytes(folder_ / name) : Bytes{};
    std::string reply = std::string("HTTP/1.1 ") + (found ? "200 OK" : "404 Not Found") +
                        "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
                        "\r\n\r\n";
    reply.append(body.begin(), body.end());
    for (size_t sent = 0; sent < reply.size();) {
      const ssize_t count = send(client, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return;
      sent += static_cast<size_t>(count);
    }
  }

  std::filesystem::path folder_;
  FileDescriptor socket_;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> requests_{0};
  std::thread thread_;
};

}  // namespace podium::test
