// Statements to a ClickHouse over its HTTP interface, and what the server says of them.
//
// An Error is `external`. It is to be tried again where the server is away, busy or out of something, and not where the
// statement or the rights are wrong; `Exception` has the server's own code. No error names a user or a password.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/env.h"
#include "connectors/clickhouse/address.h"
#include "http/client.h"

namespace trommel::clickhouse {

/// How a body is packed on its way to the server.
enum class Packing { none, gzip, zstd };

using Settings = std::vector<std::pair<std::string, std::string>>;

/// What an engine can do that others cannot.
struct Engine {
  std::string version;  ///< `26.7.2.1`
  int major = 0, minor = 0;
  std::string timezone;            ///< of the server, for DateTime without one
  bool tokens = false;             ///< an INSERT may carry a token that makes its repetition add nothing
  bool marks_inserts = false;      ///< an INSERT may fill columns that are MATERIALIZED
  bool limits_partitions = false;  ///< an INSERT into many partitions must say that it may
  bool zstd = false;               ///< takes bodies that are packed so
  bool parameters = false;         ///< binds `{name:Type}` itself
  bool at_least(int wanted_major, int wanted_minor) const {
    return major > wanted_major || (major == wanted_major && minor >= wanted_minor);
  }
  /// Of an INSERT whose rows are to be in the table when the answer comes.
  Settings insert_settings() const;
};

struct Statement {
  std::string sql = {};
  /// Rows of an INSERT whose text ends with `FORMAT Name`. Where `sql` is empty that text stands in front of them, and
  /// a line end: then nothing is copied.
  std::string data = {};
  /// Of the server, by their names; `param_NAME` binds a parameter, `query_id` names the query.
  Settings settings = {};
  std::string format = {};           ///< of the answer; empty: TabSeparated
  bool only_once = false;            ///< what may not be done twice is not sent twice either
  bool in_default_database = false;  ///< true: the address's database need not be there

  http::BodyConsumer consume = {};  ///< takes the answer as it comes; else it is gathered in `Answer`
  int64_t timeout_ms = 0;           ///< of the whole; 0: none, as long as bytes come or the server works
  std::stop_token stop = {};
};

/// What it cost, as far as the server tells; -1: it does not.
struct Cost {
  int64_t rows_read = -1, bytes_read = -1, rows_written = -1, elapsed_us = -1, memory_bytes = -1;
};

struct Answer {
  std::string body;
  Cost cost;
};

/// What a server says instead of an answer.
struct Exception {
  int code = 0;      ///< ClickHouse's own; 0: it said none
  std::string text;  ///< on one line, without the code and the version
};

/// Keeps its connection open. One thread at a time.
class Client {
 public:
  explicit Client(Address address, Packing packing = Packing::none);

  const Address& address() const { return address_; }

  /// `exception`, if not null, gets what the server said where it said no.
  Result<Answer> run(const Statement& statement, Exception* exception = nullptr);
  Result<Answer> run(std::string sql) { return run(Statement{.sql = std::move(sql)}); }
  /// The answer as lines of values. NULL is the text `\N`.
  Result<std::vector<std::vector<std::string>>> rows(const Statement& statement);
  Result<std::vector<std::vector<std::string>>> rows(std::string sql) { return rows(Statement{.sql = std::move(sql)}); }

  /// Which engine it is; asked once.
  Result<Engine> engine();
  void forget_engine() { engine_.reset(); }
  /// What bodies are packed with: a packing that the engine cannot read is replaced by one that it can.
  void set_packing(Packing packing) { packing_ = packing; }

 private:
  std::string url(const Statement& statement) const;
  Error refused(const http::Response& response, Exception& exception) const;

  Address address_;
  Packing packing_;
  http::Client http_;
  std::optional<Engine> engine_;
};

/// `name` in backticks, `text` in quotes, as every version reads them.
std::string quote_name(std::string_view name);
std::string quote_text(std::string_view text);
/// A value of TabSeparated as it was before it was escaped.
std::string unescaped_value(std::string_view text);

/// Whether a statement that ended with this code may end well when it is tried again.
bool may_be_tried_again(int code);

namespace codes {
inline constexpr int unknown_table = 60, unknown_database = 81, already_running = 216;
}

}  // namespace trommel::clickhouse
