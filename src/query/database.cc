#include "query/database.h"

#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "fmt/format.h"
#include "query/connection.h"

namespace trommel::query {
namespace {

/// The files that this process has open. DuckDB guards a file by a lock of the process, which a second instance within
/// it would not feel.
struct OpenFiles {
  struct Entry {
    std::weak_ptr<Database> database;
    bool read_only = false;
  };
  std::mutex mutex;
  std::condition_variable closed;
  std::map<std::string, Entry> by_path;
};

OpenFiles& open_files() {
  static auto* files = new OpenFiles;  // never destroyed: databases may be closed by other statics
  return *files;
}

class DuckDatabase : public Database {
 public:
  ~DuckDatabase() override {
    streams_->close();
    duckdb_close(&database_);
  }

  Result<> start(const Options& options, const std::string& path);

  Result<std::unique_ptr<Connection>> connect() override {
    auto session = std::make_shared<Session>();
    session->database = shared_from_this();
    session->streams = streams_;
    if (duckdb_connect(database_, session->handle.out()) != DuckDBSuccess)
      return internal_error("DuckDB", "a new connection was refused");
    return std::make_unique<DuckConnection>(std::move(session));
  }

  Result<> once(const std::string& key, const std::function<Result<>()>& make) override {
    std::shared_ptr<Once> once;
    {
      const std::lock_guard lock(mutex_);
      auto& slot = made_[key];
      if (!slot) slot = std::make_shared<Once>();
      once = slot;
    }
    const std::lock_guard lock(once->mutex);
    if (!once->outcome) once->outcome = make();
    return *once->outcome;
  }

 private:
  struct Once {
    std::mutex mutex;
    std::optional<Result<>> outcome;
  };

  duckdb_database database_ = nullptr;
  std::shared_ptr<Streams> streams_ = std::make_shared<Streams>();
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Once>> made_;
};

/// DuckDB's refusal of a file as people need it: who holds it, and what to do.
Error opening_error(const std::string& path, const char* message) {
  Error error = from_duckdb(message);
  const std::string_view text = message ? message : "";
  error.where = path.empty() ? "DuckDB in memory" : path;
  constexpr std::string_view held = "Conflicting lock is held in ";
  if (const auto at = text.find(held); at != text.npos) {
    const auto from = at + held.size();
    error.what = "the DuckDB file is held by " +
                 std::string(text.substr(from, text.find_first_of(".\n", text.find(')', from)) - from));
    error.hint = "one process at a time may open it: close it there, and try again";
  } else if (error.domain == Error::Domain::config || error.domain == Error::Domain::internal) {
    error.domain = Error::Domain::external;  // a file of another version, or no DuckDB file at all
  }
  error.retry = error.domain == Error::Domain::external;
  return error;
}

Result<> DuckDatabase::start(const Options& options, const std::string& path) {
  ConfigHandle config;
  if (duckdb_create_config(config.out()) != DuckDBSuccess)
    return internal_error("DuckDB", "no configuration could be made");
  std::vector<std::pair<const char*, std::string>> settings = {
      {"autoinstall_known_extensions", "false"}, {"autoload_known_extensions", "false"},
      {"allow_community_extensions", "false"},   {"preserve_insertion_order", options.keep_order ? "true" : "false"},
      {"temp_directory", options.spill_folder},  {"access_mode", options.read_only ? "READ_ONLY" : "AUTOMATIC"}};
  const auto bytes = [](int64_t count) { return fmt::format("{}B", count); };
  if (options.memory_bytes > 0) settings.emplace_back("memory_limit", bytes(options.memory_bytes));
  if (options.threads > 0) settings.emplace_back("threads", std::to_string(options.threads));
  for (const auto& [name, value] : settings) {
    if (duckdb_set_config(config.get(), name, value.c_str()) != DuckDBSuccess)
      return internal_error("DuckDB", fmt::format("setting {} = {} was refused", name, value));
  }
  char* message = nullptr;
  if (duckdb_open_ext(path.empty() ? nullptr : path.c_str(), &database_, config.get(), &message) != DuckDBSuccess) {
    auto error = opening_error(path, message);
    duckdb_free(message);
    return tl::unexpected(std::move(error));
  }
  TRY(streams_->install(database_));
  streams_->threads =
      options.threads > 0 ? options.threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  ASSIGN(const auto connection, connect());
  TRY(connection->run("SET GLOBAL TimeZone = 'UTC'"));
  // As a setting at opening time the cap is shown but not obeyed (DuckDB 1.5.6).
  if (options.spill_bytes > 0 && !options.spill_folder.empty()) {
    TRY(connection->run(fmt::format("SET GLOBAL max_temp_directory_size = '{}'", bytes(options.spill_bytes))));
  }
  return {};
}

Result<std::shared_ptr<Database>> open_file(const Options& options) {
  std::error_code ignored;
  const auto path = std::filesystem::weakly_canonical(options.path, ignored).string();
  auto& files = open_files();
  std::unique_lock lock(files.mutex);
  for (;;) {
    const auto found = files.by_path.find(path);
    if (found == files.by_path.end()) break;
    if (auto database = found->second.database.lock()) {
      if (!found->second.read_only || options.read_only) return database;
      return external_error(path, "this process reads the DuckDB file and cannot write to it meanwhile");
    }
    files.closed.wait(lock);  // DuckDB is still opening it, or closing it behind its last user
  }
  files.by_path[path] = {};  // taken, until the deleter runs
  std::shared_ptr<DuckDatabase> database(new DuckDatabase, [path](DuckDatabase* gone) {
    delete gone;
    auto& all = open_files();
    const std::lock_guard erasing(all.mutex);
    all.by_path.erase(path);
    all.closed.notify_all();
  });
  lock.unlock();
  TRY(database->start(options, path));
  lock.lock();
  files.by_path[path] = {database, options.read_only};
  files.closed.notify_all();
  return database;
}

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

}  // namespace

Result<std::shared_ptr<Database>> Database::open(const Options& options) {
  if (!options.path.empty()) return open_file(options);
  auto database = std::make_shared<DuckDatabase>();
  TRY(database->start(options, ""));
  return database;
}

std::string quote_name(std::string_view name) { return quoted(name, '"'); }
std::string quote_text(std::string_view text) { return quoted(text, '\''); }

}  // namespace trommel::query
