// A schema registry that speaks Confluent's REST interface (their own, Apicurio's ccompat/v7, Karapace), and the five
// bytes before each value that name a schema in it: 0, and the id with its highest byte first.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/env.h"
#include "http/client.h"

namespace trommel::avro {

constexpr size_t wire_bytes = 5;
std::string wire_prefix(int32_t id);
/// The id that a message begins with; nothing when it is no message of that form.
std::optional<int32_t> wire_id(Bytes message);

struct RegistryAddress {
  std::string url;  ///< without a slash at its end: `http://127.0.0.1:8081`
  http::ClientSettings access;
};

/// Thread safe. The newest schemas that it was told of it knows by their ids, which never change. Errors are the
/// outside's (`external`):
/// to be tried again where the registry is away or busy, and not where it refuses.
class Registry {
 public:
  explicit Registry(RegistryAddress address);

  /// The schema with that id; nothing when there is none.
  Result<std::optional<std::string>> schema(int32_t id);

  struct Version {
    int32_t id = 0;
    std::string schema;
  };
  /// The newest of a subject; nothing when it has none.
  Result<std::optional<Version>> latest(const std::string& subject);

  /// The schema's id under the subject, where it is put if it is not there yet.
  Result<int32_t> id_of(const std::string& subject, const std::string& schema);

  /// Whether the subject would take the schema: nothing, or what speaks against it.
  Result<std::optional<std::string>> objection(const std::string& subject, const std::string& schema);

 private:
  struct Answer {
    int status = 0;
    std::string body;
  };
  /// An error for all that is neither 2xx, 404, 409 nor 422.
  Result<Answer> ask(const std::string& method, const std::string& path, const std::string& body = {});
  std::string shown() const { return http::shown_url(address_.url); }

  RegistryAddress address_;
  std::mutex mutex_;  ///< one request at a time: they are few
  http::Client client_;
  std::map<int32_t, std::string> newest_;
};

}  // namespace trommel::avro
