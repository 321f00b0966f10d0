#include "io/sources/fetch.hpp"

#include <curl/curl.h>
#include <openssl/evp.h>

#include <array>
#include <cstdio>
#include <exception>
#include <new>
#include <string_view>

#include "core/error.hpp"
#include "core/handle.hpp"
#include "io/atomic_file.hpp"

namespace podium::io {
namespace {

constexpr long connect_timeout_s = 15;
constexpr long slow_bytes_per_s = 1024;
constexpr long slow_time_s = 30;
constexpr long redirect_limit = 5;

struct CurlTraits {
  using Value = CURL*;
  static Value null() noexcept { return nullptr; }
  static void close(Value curl) noexcept { curl_easy_cleanup(curl); }
};

struct DigestTraits {
  using Value = EVP_MD_CTX*;
  static Value null() noexcept { return nullptr; }
  static void close(Value context) noexcept { EVP_MD_CTX_free(context); }
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    if (!context_) throw std::bad_alloc();
    check(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
  }
  void update(std::string_view bytes) {
    check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
  }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    check(EVP_DigestFinal_ex(context_.get(), digest.data(), &size));
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
      std::array<char, 3> byte{};
      std::snprintf(byte.data(), byte.size(), "%02x", digest[i]);
      text += byte.data();
    }
    return text;
  }

 private:
  static void check(int status) { require(status == 1, "OpenSSL computes a SHA-256", "fetch"); }

  Handle<DigestTraits> context_;
};

// Where the bytes of one download go. An exception cannot cross libcurl, so it is kept here.
struct Sink {
  TemporaryFile* file = nullptr;
  Sha256 sha256;
  std::exception_ptr failure;
};

size_t receive(char* data, size_t size, size_t count, void* user) noexcept {
  auto& sink = *static_cast<Sink*>(user);
  const std::string_view bytes(data, size * count);
  try {
    write_all(sink.file->descriptor(), bytes, sink.file->path());
    sink.sha256.update(bytes);
    return bytes.size();
  } catch (...) {
    sink.failure = std::current_exception();
    return 0;  // tells libcurl to stop
  }
}

// libcurl asks for one global initialisation per process; the local static makes it thread-safe.
void initialise_curl() {
  static const CURLcode status = curl_global_init(CURL_GLOBAL_DEFAULT);
  require(status == CURLE_OK, "libcurl initialises", "fetch");
}

template <typename Value>
void set(CURL* curl, CURLoption option, Value value) {
  const CURLcode status = curl_easy_setopt(curl, option, value);
  if (status != CURLE_OK) {
    throw internal_error(std::string("libcurl refused an option: ") + curl_easy_strerror(status),
                         "fetch");
  }
}

// Downloads `url` into `sink`. Returns why it could not, or nothing.
std::string transfer(const std::string& url, Sink& sink) {
  initialise_curl();
  const Handle<CurlTraits> curl(curl_easy_init());
  if (!curl) throw std::bad_alloc();
  std::array<char, CURL_ERROR_SIZE> message{};
  set(curl.get(), CURLOPT_URL, url.c_str());
  set(curl.get(), CURLOPT_ERRORBUFFER, message.data());
  set(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https,file");
  set(curl.get(), CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  set(curl.get(), CURLOPT_MAXREDIRS, redirect_limit);
  set(curl.get(), CURLOPT_FAILONERROR, 1L);
  set(curl.get(), CURLOPT_NOSIGNAL, 1L);
  set(curl.get(), CURLOPT_CONNECTTIMEOUT, connect_timeout_s);
  set(curl.get(), CURLOPT_LOW_SPEED_LIMIT, slow_bytes_per_s);
  set(curl.get(), CURLOPT_LOW_SPEED_TIME, slow_time_s);
  set(curl.get(), CURLOPT_WRITEFUNCTION, receive);
  set(curl.get(), CURLOPT_WRITEDATA, &sink);
  const CURLcode status = curl_easy_perform(curl.get());
  if (sink.failure) std::rethrow_exception(sink.failure);
  if (status == CURLE_OK) return {};
  return message[0] == '\0' ? curl_easy_strerror(status) : message.data();
}

}  // namespace

void fetch(const Download& download, const std::string& remedy) {
  std::string unreached;
  std::string mismatched;
  for (const std::string& url : download.urls) {
    TemporaryFile file(download.target);
    Sink sink;
    sink.file = &file;
    const std::string failure = transfer(url, sink);
    if (!failure.empty()) {
      if (!unreached.empty()) unreached += "; ";
      unreached.append(url).append(": ").append(failure);
      continue;
    }
    const std::string found = sink.sha256.hex();
    if (download.sha256.empty() || found == download.sha256) {
      file.publish();
      return;
    }
    mismatched = "wrong SHA-256: expected ";
    mismatched.append(download.sha256).append(", got ").append(found).append(" from ").append(url);
  }
  const std::string name = download.target.filename().string();
  if (!mismatched.empty()) throw data_error(mismatched, name, remedy);
  throw unavailable_error("cannot download " + name, unreached, remedy);
}

}  // namespace podium::io
