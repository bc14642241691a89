// An entry of `stores:`: an address, a map of its parts, or the name of a file apart that holds them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "config/contract.h"
#include "spec/spec.h"

namespace trommel {

/// The parts of a store as they are written, in the pipeline file or under `database:` of a credentials file.
struct StoreText {
  std::optional<std::string> type;
  std::optional<std::string> path, database;  ///< of a store that is a file, both name the file
  std::optional<std::string> host;
  std::optional<int64_t> port;
  std::optional<std::string> user, password;
  std::optional<std::string> credentials;
  static const Spec<StoreText>& spec();
};

struct StoreAddress {
  std::string text;  ///< `duckdb:FILE` with an absolute or joined path, `mysql://user:password@host:port/database`;
                     ///< may hold a password: not for people. Empty when it was wrong, which was told then.
  std::vector<std::string> notes;  ///< for `plan`; never a secret
};

/// Reads stores; `kinds` are those that there are, relative paths start at `folder`.
class StoreReader {
 public:
  StoreReader(Env& env, const Variables& variables, std::string folder, const std::vector<std::string>& kinds,
              Problems& problems)
      : env_(env), variables_(variables), folder_(std::move(folder)), kinds_(kinds), problems_(problems) {}

  /// `name` is what the store is called, for messages.
  StoreAddress read(const std::string& name, const Node& node);
  /// Checks an address that stands where a store's name could.
  std::string checked_address(const std::string& address, const Node& node);

 private:
  StoreAddress read_map(const std::string& name, const Node& node);
  bool merge_credentials(const std::string& name, const Node& node, StoreText& text);
  std::optional<Node> credentials_node(const std::string& name, const Node& file);
  std::string known_type(const std::string& name, const StoreText& text, const Node& node);
  StoreAddress file_address(const std::string& name, const StoreText& text, const std::string& type, const Node& node);
  std::string server_address(const std::string& name, const StoreText& text, const std::string& type, const Node& node);

  Env& env_;
  const Variables& variables_;
  std::string folder_;
  const std::vector<std::string>& kinds_;
  Problems& problems_;
};

}  // namespace trommel
