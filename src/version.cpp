#include "version.hpp"

#include <curl/curl.h>
#include <dnnl_version.h>
#include <hdf5.h>
#include <isa-l.h>
#include <mpi.h>
#include <openssl/crypto.h>
#include <simdjson.h>
#include <xxhash.h>
#include <zlib.h>

#include <boost/version.hpp>
#include <nlohmann/json.hpp>

#include "comm/mpi/mpi_environment.hpp"
#include "comm/nccl_support.hpp"
#include "core/accelerator.hpp"
#include "nn/backend.hpp"
#include "podium_version.hpp"

// simdjson gives its version as bare tokens.
#define PODIUM_TEXT(...) #__VA_ARGS__
#define PODIUM_TEXT_OF(...) PODIUM_TEXT(__VA_ARGS__)

namespace podium {
namespace {

std::string dotted(int a, int b, int c) {
  return std::to_string(a) + "." + std::to_string(b) + "." + std::to_string(c);
}

std::string line(const char* name, const std::string& version) {
  std::string text = "  " + std::string(name);
  text.resize(16, ' ');
  return text + version + "\n";
}

// The libraries of the GPU backend, and what GPU is there or why none.
std::string accelerator_lines() {
  std::string text;
  for (const auto& libraries : {accelerator_versions(), nn::backend_versions()}) {
    for (const LibraryVersion& library : libraries) {
      text += line(library.name.c_str(), library.version);
    }
  }
  const std::string nccl = comm::nccl_support().version;
  if (!nccl.empty()) text += line("NCCL", nccl);
  return text + line("GPU", describe(probe_accelerators()));
}

}  // namespace

std::string version_number() {
  return PODIUM_VERSION;
}

std::string version_text() {
  return "podium " PODIUM_VERSION "\n" + line("MPI", comm::MpiEnvironment::library_version()) +
         line("oneDNN", dotted(DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH)) +
         line("HDF5", dotted(H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE)) +
         line("Boost",
              dotted(BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100)) +
         line("nlohmann_json", dotted(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                                      NLOHMANN_JSON_VERSION_PATCH)) +
         line("simdjson", PODIUM_TEXT_OF(SIMDJSON_VERSION)) +
         line("xxHash", dotted(XXH_VERSION_MAJOR, XXH_VERSION_MINOR, XXH_VERSION_RELEASE)) +
         line("libcurl", curl_version_info(CURLVERSION_NOW)->version) +
         line("OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)) +
         line("ISA-L", dotted(ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION)) +
         accelerator_lines();
}

}  // namespace podium
