#include "config/stores.h"

#include <algorithm>

#include "config/pipeline.h"

namespace trommel {

namespace {

/// Stores that are a file: they have no host, and nobody to log in as.
bool is_file_kind(const std::string& kind) { return kind == "duckdb"; }

/// `text` as it may stand in a part of an address (RFC 3986, 2.3: unreserved characters stay).
std::string escaped(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
        c == '_' || c == '~') {
      out += c;
    } else {
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

void mark_secret(Node& node) {
  node.secret = true;
  for (Node& item : node.items) mark_secret(item);
  for (Node::Entry& entry : node.entries) mark_secret(entry.value);
}

bool is_yaml_file(const std::string& name) { return name.ends_with(".yaml") || name.ends_with(".yml"); }

/// Messages about the text of a credentials file without what they quote from it: a password may hold a `${`.
void add_unquoted(const Problems& found, Problems& problems) {
  for (const Problem& problem : found.sorted()) {
    std::string what;
    bool quoted = false;
    for (const char c : problem.what) {
      if (c == '`') what += quoted ? "***`" : "`";
      if (c == '`') quoted = !quoted;
      if (c != '`' && !quoted) what += c;
    }
    problems.add(problem.place, what);
  }
}

/// The place of a key, or of the map where the key is not there.
}  // namespace

const Spec<StoreText>& StoreText::spec() {
  static const auto spec =
      Spec<StoreText>("store", "A place to write tables to and to query: an address, a map, or a credentials file")
          .description(
              "An entry of `stores:`. The address (`duckdb:students.duckdb`) says the same as the map (`{ type: "
              "duckdb, path: students.duckdb }`). `{ credentials: FILE }` names a YAML file apart, not to be shared "
              "with the pipeline, whose key `database:` holds the same fields; what stands in both places is taken "
              "from the pipeline file. Nothing of that file is ever printed but its `type` and, of a store that is a "
              "file, the file's name.\n\n"
              "A DuckDB store is a file: `database` (or `path`) names it, and `host`, `port`, `user` and `password`, "
              "which the credentials of a server have, mean nothing and are left aside; `plan` says so.")
          .field("type", &StoreText::type,
                 "what kind of store it is; may be left out where the file's name ends in .duckdb",
                 {.example = "duckdb"})
          .field("path", &StoreText::path, "the file, of a store that is one", {.example = "students.duckdb"})
          .field("database", &StoreText::database, "the database on a server; of a store that is a file, the file")
          .field("host", &StoreText::host, "the server", {.example = "localhost"})
          .field("port", &StoreText::port, "the server's port; left out, the usual one of its kind",
                 {.example = "3306"})
          .field("user", &StoreText::user, "who logs in")
          .field("password", &StoreText::password, "never shown", {.example = "${DB_PASSWORD}", .secret = true})
          .field("credentials", &StoreText::credentials, "a YAML file with these fields under `database:`",
                 {.example = "db_creds.yaml"})
          .example("stores:\n  warehouse: { type: duckdb, path: students.duckdb }\n")
          .check([](const StoreText& text, const Node& node, Problems& problems) {
            if (text.port && (*text.port < 1 || *text.port > 65535))
              problems.add(node.at_or_self("port").place, "`port` must be a number from 1 to 65535");
            if (text.path && text.database && *text.path != *text.database)
              problems.add(node.at_or_self("database").place, "`path` and `database` name two things",
                           "write one of them");
          });
  return spec;
}

StoreAddress StoreReader::read(const std::string& name, const Node& node) {
  if (node.is_scalar()) return {checked_address(node.scalar, node), {}};
  if (node.is_map()) return read_map(name, node);
  wrong_type(node, name, "an address such as duckdb:FILE, or a map", problems_);
  return {};
}

std::string StoreReader::checked_address(const std::string& address, const Node& node) {
  if (node.unknown) return {};
  const std::string kind = address.substr(0, address.find(':'));
  if (address.find(':') == std::string::npos || std::find(kinds_.begin(), kinds_.end(), kind) == kinds_.end()) {
    const std::string near = did_you_mean(kind, kinds_);
    const std::string shown = node.secret ? node.shown() : kind;
    problems_.add(node.place, "unknown kind of store `" + shown + "`",
                  near.empty() ? "known: " + joined(kinds_, ", ") : "did you mean `" + near + "`?");
    return {};
  }
  const std::string rest = address.substr(kind.size() + 1);
  if (rest.empty()) {
    problems_.add(node.place, "the store's address ends after `" + kind + ":`",
                  "such as " + (is_file_kind(kind) ? kind + ":FILE" : kind + "://HOST/DATABASE"));
    return {};
  }
  return is_file_kind(kind) ? kind + ":" + join_path(folder_, rest) : address;
}

StoreAddress StoreReader::read_map(const std::string& name, const Node& node) {
  Problems found;
  StoreText text = StoreText::spec().parse(node, found, name);
  problems_.add(found);
  if (!found.empty()) return {};
  for (const Node::Entry& entry : node.entries) {
    if (entry.value.unknown) return {};
  }
  if (text.credentials && !merge_credentials(name, node, text)) return {};
  const std::string type = known_type(name, text, node);
  if (type.empty()) return {};
  if (is_file_kind(type)) return file_address(name, text, type, node);
  return {server_address(name, text, type, node), {}};
}

/// Fills in what `text` leaves open. False: it could not be read, which was told.
bool StoreReader::merge_credentials(const std::string& name, const Node& node, StoreText& text) {
  const auto database = credentials_node(name, *node.find("credentials"));
  if (!database) return false;
  Problems found;
  const StoreText apart = StoreText::spec().parse(*database, found, "database");
  if (found.empty() && apart.credentials)
    found.add(database->at_or_self("credentials").place, "a credentials file names no other one");
  problems_.add(found);
  if (!found.empty()) return false;
  const auto take = [](auto& mine, const auto& other) {
    if (!mine) mine = other;
  };
  take(text.type, apart.type);
  take(text.host, apart.host);
  take(text.port, apart.port);
  take(text.user, apart.user);
  take(text.password, apart.password);
  if (text.path || text.database) return true;
  text.path = apart.path;
  text.database = apart.database;
  return true;
}

/// What stands under `database:` of the file. All of it is secret: its values are in no message.
std::optional<Node> StoreReader::credentials_node(const std::string& name, const Node& file) {
  // The key's name marks its value secret; the name of a file is none.
  const std::string shown = is_yaml_file(file.scalar) ? file.scalar : "***";
  const std::string path = join_path(folder_, file.scalar);
  auto text = env_.read_text(path);
  if (!text) {
    problems_.add(file.place,
                  "credentials `" + shown + "` of store `" + name + "` cannot be read: " + text.error().what,
                  text.error().hint);
    return std::nullopt;
  }
  Problems found;
  Node root = parse_yaml(*text, path, variables_, found);
  add_unquoted(found, problems_);
  if (!found.empty()) return std::nullopt;
  mark_secret(root);
  const Node* database = root.find("database");
  if (database != nullptr && database->is_map()) return *database;
  problems_.add(root.place.line > 0 ? root.place : Place{path, 1, 1},
                "the credentials of store `" + name + "` need a map `database`",
                "type, host, port, user, password and database stand under it");
  return std::nullopt;
}

std::string StoreReader::known_type(const std::string& name, const StoreText& text, const Node& node) {
  const auto has = [&](const std::string& kind) {
    return std::find(kinds_.begin(), kinds_.end(), kind) != kinds_.end();
  };
  if (text.type && has(*text.type)) return *text.type;
  if (text.type) {
    const std::string near = did_you_mean(*text.type, kinds_);
    problems_.add(node.at_or_self(node.find("type") != nullptr ? "type" : "credentials").place,
                  "unknown type `" + *text.type + "` of store `" + name + "`",
                  near.empty() ? "known: " + joined(kinds_, ", ") : "did you mean `" + near + "`?");
    return {};
  }
  const std::string file = text.path.value_or(text.database.value_or(""));
  if (file.ends_with(".duckdb") && has("duckdb")) return "duckdb";
  problems_.add(node.place, "store `" + name + "` needs `type`", "one of " + joined(kinds_, ", "));
  return {};
}

StoreAddress StoreReader::file_address(const std::string& name, const StoreText& text, const std::string& type,
                                       const Node& node) {
  const std::string file = text.path.value_or(text.database.value_or(""));
  if (file.empty()) {
    problems_.add(node.place, "store `" + name + "` names no file", "write `path`, such as students." + type);
    return {};
  }
  StoreAddress address{type + ":" + join_path(folder_, file), {}};
  std::vector<std::string> aside;
  if (text.host) aside.emplace_back("host");
  if (text.port) aside.emplace_back("port");
  if (text.user) aside.emplace_back("user");
  if (text.password) aside.emplace_back("password");
  if (!aside.empty()) address.notes.push_back("store `" + name + "` is a file: " + joined(aside, ", ") + " left aside");
  return address;
}

std::string StoreReader::server_address(const std::string& name, const StoreText& text, const std::string& type,
                                        const Node& node) {
  if (text.path)
    problems_.add(node.at_or_self("path").place, "store `" + name + "` is a server, and has no `path`",
                  "write `database`");
  if (!text.host) problems_.add(node.place, "store `" + name + "` needs `host`");
  if (!text.database) problems_.add(node.place, "store `" + name + "` needs `database`");
  if (text.path || !text.host || !text.database) return {};
  std::string address = type + "://";
  if (text.user) address += escaped(*text.user);
  if (text.password) address += ":" + escaped(*text.password);
  if (text.user || text.password) address += "@";
  address += *text.host;
  if (text.port) address += ":" + std::to_string(*text.port);
  return address + "/" + escaped(*text.database);
}

}  // namespace trommel
