#include "connectors/duckdb/duckdb.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "arrow/api.h"
#include "arrow/builder.h"
#include "component/promises.h"
#include "connectors/duckdb/table.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "query/database.h"

namespace trommel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Rows students(int64_t from, int64_t count) {
  arrow::Int64Builder id;
  arrow::StringBuilder name;
  for (int64_t i = from; i < from + count; ++i) {
    EXPECT_TRUE(id.Append(i).ok());
    EXPECT_TRUE(i % 5 == 4 ? name.AppendNull().ok() : name.Append(fmt::format("student {}", i)).ok());
  }
  const auto schema = arrow::schema({arrow::field("id", arrow::int64()), arrow::field("Name", arrow::utf8())});
  return arrow::RecordBatch::Make(schema, count, {id.Finish().ValueOrDie(), name.Finish().ValueOrDie()});
}

class DuckdbStore : public testing::Test {
 protected:
  DuckdbStore() {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("trommel_store_{}", ::getpid());
    std::filesystem::create_directories(folder_);
    path_ = folder_ / "s.duckdb";
    context_.env = &real_env();
    context_.state_folder = folder_ / "state";
  }
  ~DuckdbStore() override { std::filesystem::remove_all(folder_); }

  /// Binds a sink named `sink`.
  Result<BoundSink> bind(const std::string& write = "append", const Rows& rows = students(0, 1),
                         const std::optional<Contract>& contract = {},
                         const std::vector<std::pair<std::string, std::string>>& more = {}) {
    Node settings;
    settings.kind = Node::Kind::map;
    settings.place = {"p.yaml", 9, 3};
    std::vector<std::pair<std::string, std::string>> all = {{"table", "students"}, {"write", write}};
    all.insert(all.end(), more.begin(), more.end());
    for (const auto& [key, text] : all) {
      Node value;
      value.kind = Node::Kind::scalar;
      value.scalar = text;
      value.place = {"p.yaml", 10, 5};
      settings.entries.push_back({key, value.place, value});
    }
    return duckdb_store().bind({"sink", "pipeline", &settings, "duckdb:" + path_, contract}, {"rows", rows->schema()},
                               context_, problems_);
  }

  std::shared_ptr<StoreSink> store(const std::string& write = "append") {
    auto bound = bind(write);
    EXPECT_TRUE(bound) << bound.error().text();
    EXPECT_TRUE(problems_.empty()) << problems_.text();
    return bound->store;
  }

  static int64_t commit(StoreSink& sink, Epoch epoch, std::vector<Rows> batches) {
    GivenSegment segment(std::move(batches));
    const auto rows = sink.commit(epoch, segment);
    EXPECT_TRUE(rows) << rows.error().text();
    return rows ? *rows : -1;
  }

  void run(const std::string& sql) {
    query::Options options;
    options.path = path_;
    const auto database = query::Database::open(options);
    ASSERT_TRUE(database) << database.error().text();
    const auto done = (*(*database)->connect())->run(sql);
    ASSERT_TRUE(done) << done.error().text();
  }

  std::string value(const std::string& sql) {
    query::Options options;
    options.path = path_;
    options.read_only = true;
    const auto database = query::Database::open(options);
    if (!database) return database.error().text();
    const auto out = (*(*database)->connect())->value(sql);
    return out ? *out : out.error().text();
  }

  std::filesystem::path folder_;
  std::string path_;
  BindContext context_;
  Problems problems_;
};

TEST_F(DuckdbStore, keeps_the_promises_of_a_store_sink) {
  const auto count = [this] {
    query::Options options;
    options.path = path_;
    const auto database = query::Database::open(options);
    const auto connection = (*database)->connect();
    return std::stoll(*(*connection)->value("SELECT count(*) FROM students"));
  };
  const std::vector<Batch> batches = {{students(0, 5), {}, nullptr}, {students(5, 7), {}, nullptr}};
  EXPECT_THAT(broken_store_sink_promises([this] { return store(); }, count, batches), testing::IsEmpty());
}

TEST_F(DuckdbStore, binding_makes_no_file_and_shows_the_table_it_would_make) {
  const auto bound = bind();
  ASSERT_TRUE(bound) << bound.error().text();
  EXPECT_THAT(bound->notes, ElementsAre("CREATE TABLE \"students\" (\"id\" BIGINT, \"Name\" VARCHAR)"));
  EXPECT_THAT(bound->owns, ElementsAre("duckdb:" + path_ + "#students"));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(*bound->store->last_committed(), 0);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(DuckdbStore, the_first_commit_makes_the_folder_of_the_file) {
  path_ = folder_ / "not" / "there" / "s.duckdb";
  const auto sink = store();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "not"));
  EXPECT_EQ(commit(*sink, 1, {students(0, 3)}), 3);
}

TEST_F(DuckdbStore, a_commit_that_is_repeated_adds_nothing) {
  const auto sink = store();
  EXPECT_EQ(commit(*sink, 1, {students(0, 3000), students(3000, 5)}), 3005);
  EXPECT_EQ(*sink->last_committed(), 1);
  EXPECT_EQ(commit(*sink, 1, {students(0, 3000), students(3000, 5)}), 3005);
  EXPECT_EQ(value("SELECT count(*) || ' ' || sum(id) || ' ' || count(\"Name\") FROM students"), "3005 4513510 2404");
  // Another instance, as after a restart.
  const auto again = store();
  EXPECT_EQ(*again->last_committed(), 1);
  EXPECT_EQ(commit(*again, 1, {students(0, 3000), students(3000, 5)}), 3005);
  EXPECT_EQ(commit(*again, 2, {students(5000, 10)}), 10);
  EXPECT_EQ(value("SELECT count(*) FROM students"), "3015");
  EXPECT_EQ(value("SELECT count(*) || ' ' || any_value(epoch) || ' ' || any_value(rows) FROM _trommel_epochs"),
            "1 2 10");
}

TEST_F(DuckdbStore, sinks_of_one_file_have_epochs_of_their_own) {
  const auto sink = store();
  commit(*sink, 7, {students(0, 1)});
  run("UPDATE _trommel_epochs SET sink = 'another'");
  EXPECT_EQ(*sink->last_committed(), 0);
}

TEST_F(DuckdbStore, an_empty_epoch_is_committed_too) {
  const auto sink = store();
  EXPECT_EQ(commit(*sink, 1, {}), 0);
  EXPECT_EQ(*sink->last_committed(), 1);
  EXPECT_EQ(value("SELECT count(*) FROM students"), "0");
}

TEST_F(DuckdbStore, replace_puts_the_rows_in_the_place_of_all_others) {
  commit(*store(), 1, {students(0, 10)});
  run("CREATE UNIQUE INDEX by_id ON students (id)");
  const auto sink = store("replace");
  EXPECT_EQ(commit(*sink, 2, {students(5, 3)}), 3);
  EXPECT_EQ(value("SELECT string_agg(id, ' ' ORDER BY id) FROM students"), "5 6 7");
  EXPECT_EQ(value("SELECT index_name FROM duckdb_indexes()"), "by_id");
}

TEST_F(DuckdbStore, replace_makes_a_table_anew_whose_columns_differ) {
  run("CREATE TABLE students (id VARCHAR, old INTEGER)");
  const auto bound = bind("replace");
  ASSERT_TRUE(bound && problems_.empty());
  EXPECT_THAT(bound->notes,
              testing::Contains("the table is made anew: column `id`: the table has VARCHAR, the rows have BIGINT"));
  EXPECT_EQ(commit(*bound->store, 1, {students(0, 4)}), 4);
  EXPECT_EQ(value("SELECT count(*) || ' ' || any_value(typeof(id)) FROM students"), "4 BIGINT");
}

TEST_F(DuckdbStore, a_table_that_differs_is_a_problem_for_each_difference) {
  run("CREATE TABLE students (id VARCHAR, must INTEGER NOT NULL, may INTEGER, with_default INTEGER NOT NULL DEFAULT "
      "3)");
  ASSERT_TRUE(bind());
  EXPECT_THAT(problems_.text(), HasSubstr("p.yaml:10:5: duckdb:" + path_ +
                                          " table students: column `id`: the table has VARCHAR, the rows have BIGINT"));
  EXPECT_THAT(problems_.text(), HasSubstr("column `Name`: the table has none of that name"));
  EXPECT_THAT(problems_.text(),
              HasSubstr("column `must`: the table has INTEGER NOT NULL, the rows have no such column"));
  EXPECT_EQ(problems_.size(), 3);
}

TEST_F(DuckdbStore, a_table_of_wider_types_and_more_columns_takes_the_rows) {
  run("CREATE TABLE students (name VARCHAR, more INTEGER DEFAULT 3, id DECIMAL(38, 0))");
  run("DROP TABLE students; CREATE TABLE students (name VARCHAR, more INTEGER DEFAULT 3, id BIGINT NOT NULL)");
  const auto sink = store();
  commit(*sink, 1, {students(0, 2)});
  EXPECT_EQ(value("SELECT string_agg(id || name || more, ' ' ORDER BY id) FROM students"), "0student 03 1student 13");
}

TEST_F(DuckdbStore, rows_that_the_table_would_refuse_are_named_before_the_commit) {
  Contract contract;
  contract.columns.resize(2);
  contract.columns[0].name = "ID";
  contract.columns[0].type = arrow::int8();
  contract.columns[1].name = "name";
  contract.columns[1].rules.required = true;
  const auto bound = bind("append", students(0, 1), contract);
  ASSERT_TRUE(bound) << bound.error().text();
  ASSERT_TRUE(problems_.empty()) << problems_.text();
  EXPECT_THAT(bound->notes, ElementsAre("CREATE TABLE \"students\" (\"ID\" TINYINT, \"name\" VARCHAR NOT NULL)"));
  const auto rows = students(126, 5);  // 126 .. 130; 129 has no name and does not fit either
  const auto refused = bound->store->refuses({rows, {}, nullptr});
  ASSERT_TRUE(refused) << refused.error().text();
  ASSERT_EQ(refused->size(), 3);
  EXPECT_EQ((*refused)[0].row, 2);
  EXPECT_EQ((*refused)[0].code, "cast");
  EXPECT_EQ((*refused)[0].reason, "column `ID` of the table is TINYINT: 128");
  EXPECT_EQ((*refused)[1].row, 3);
  GivenSegment segment({rows});
  const auto committed = bound->store->commit(1, segment);
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().domain, Error::Domain::data);
  EXPECT_EQ(value("SELECT count(*) FROM duckdb_tables()"), "0");
  EXPECT_EQ(commit(*bound->store, 1, {students(120, 4)}), 4);
}

TEST_F(DuckdbStore, what_the_table_alone_refuses_commits_nothing) {
  const auto sink = store();
  commit(*sink, 1, {students(0, 10)});
  run("CREATE UNIQUE INDEX by_id ON students (id)");
  GivenSegment segment({students(100, 5), students(3, 1)});
  const auto committed = sink->commit(2, segment);
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().domain, Error::Domain::data);
  EXPECT_THAT(committed.error().text(), HasSubstr("table students: Duplicate key \"id: 3\""));
  EXPECT_EQ(*sink->last_committed(), 1);
  EXPECT_EQ(value("SELECT count(*) FROM students"), "10");
}

TEST_F(DuckdbStore, a_commit_that_was_killed_leaves_nothing) {
  const auto sink = store();
  commit(*sink, 1, {students(0, 10)});
  class Deadly : public GivenSegment {
   public:
    using GivenSegment::GivenSegment;
    Result<bool> next(Batch& batch) override {
      ASSIGN(const bool more, GivenSegment::next(batch));
      if (!more) ::kill(::getpid(), SIGKILL);
      return more;
    }
  };
  EXPECT_EXIT(
      {
        Deadly segment({students(10, 200000), students(300000, 200000)});
        (void)sink->commit(2, segment);
      },
      testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(*sink->last_committed(), 1);
  EXPECT_EQ(value("SELECT count(*) FROM students"), "10");
  EXPECT_EQ(commit(*sink, 2, {students(10, 5)}), 5);
}

TEST_F(DuckdbStore, a_file_that_another_process_holds_is_said_to_be) {
  commit(*store(), 1, {students(0, 1)});
  int ready[2], end[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(end), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    query::Options options;
    options.path = path_;
    const auto database = query::Database::open(options);
    (void)!::write(ready[1], database ? "y" : "n", 1);
    ::close(end[1]);
    (void)!::read(end[0], &byte, 1);
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  const auto bound = bind();
  ::close(end[0]);
  ::close(end[1]);
  ::waitpid(child, nullptr, 0);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().domain, Error::Domain::external);
  EXPECT_THAT(bound.error().text(), HasSubstr(fmt::format("(PID {})", child)));
  EXPECT_THAT(bound.error().text(), HasSubstr("one process at a time may open it"));
}

TEST_F(DuckdbStore, a_contract_that_the_rows_do_not_meet_is_a_problem) {
  Contract contract;
  contract.columns.resize(2);
  contract.columns[0].name = "id";
  contract.columns[0].type = arrow::list(arrow::int32());
  contract.columns[1].name = "school";
  ASSERT_TRUE(bind("append", students(0, 1), contract));
  EXPECT_THAT(
      problems_.text(),
      HasSubstr("column `id`: the contract has list<int32>, the rows have int64, and there is no cast between them"));
  EXPECT_THAT(problems_.text(), HasSubstr("column `school` of the contract is not in the rows"));
  EXPECT_THAT(problems_.text(), HasSubstr("column `Name` of the rows is not in the contract"));
}

// ---- rows that take the place of others ----

/// Three columns: id, day (NULL where negative), text.
Rows events(const std::vector<std::tuple<int64_t, int32_t, std::string>>& rows) {
  arrow::Int64Builder id;
  arrow::Int32Builder day;
  arrow::StringBuilder text;
  for (const auto& [a, b, c] : rows) {
    EXPECT_TRUE(id.Append(a).ok());
    EXPECT_TRUE(b < 0 ? day.AppendNull().ok() : day.Append(b).ok());
    EXPECT_TRUE(text.Append(c).ok());
  }
  const auto schema = arrow::schema(
      {arrow::field("id", arrow::int64()), arrow::field("Day", arrow::int32()), arrow::field("text", arrow::utf8())});
  return arrow::RecordBatch::Make(schema, static_cast<int64_t>(rows.size()),
                                  {id.Finish().ValueOrDie(), day.Finish().ValueOrDie(), text.Finish().ValueOrDie()});
}

class DuckdbWrites : public DuckdbStore {
 protected:
  using Settings = std::vector<std::pair<std::string, std::string>>;

  std::shared_ptr<StoreSink> merging(const std::string& write, const Settings& settings) {
    auto bound = bind(write, epochs_[0][0].rows, {}, settings);
    EXPECT_TRUE(bound) << bound.error().text();
    EXPECT_TRUE(problems_.empty()) << problems_.text();
    return bound->store;
  }

  /// Rows as `id|Day|text`, as another connection sees them.
  std::vector<std::string> contents() {
    if (value("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'students'") != "1") return {};
    const auto all =
        value("SELECT string_agg(concat_ws('|', id, coalesce(\"Day\"::VARCHAR, 'NULL'), text), '\n') FROM students");
    std::vector<std::string> out;
    for (size_t at = 0; at < all.size();) {
      const size_t end = std::min(all.find('\n', at), all.size());
      out.push_back(all.substr(at, end - at));
      at = end + 1;
    }
    return out;
  }

  static std::vector<std::string> lines(const std::vector<Batch>& batches) {
    std::vector<std::string> out;
    for (const auto& batch : batches) {
      for (auto line : rows_as_text(*batch.rows)) {
        for (size_t at; (at = line.find(" | ")) != std::string::npos;) line.replace(at, 3, "|");
        if (const size_t at = line.find("||"); at != std::string::npos) line.replace(at, 2, "|NULL|");
        out.push_back(std::move(line));
      }
    }
    return out;
  }

  /// The first so many epochs, each row put in by `put`.
  std::vector<std::string> model(
      size_t epochs,
      const std::function<void(std::vector<std::string>& held, const std::vector<std::string>& rows)>& put) {
    std::vector<std::string> held;
    for (size_t i = 0; i < epochs; ++i) put(held, lines(epochs_[i]));
    return held;
  }

  static std::string cell(const std::string& line, int index) {
    size_t at = 0;
    for (; index > 0; --index) at = line.find('|', at) + 1;
    return line.substr(at, line.find('|', at) - at);
  }

  std::vector<std::string> broken(
      const std::string& write, const Settings& settings,
      const std::function<void(std::vector<std::string>&, const std::vector<std::string>&)>& put) {
    return broken_store_sink_promises({[=, this] { return merging(write, settings); }, [this] { return contents(); },
                                       epochs_, [=, this](size_t n) { return model(n, put); }});
  }

  std::vector<std::vector<Batch>> epochs_ = {
      {{events({{1, 1, "a"}, {2, 1, "b"}, {1, 2, "c"}}), {}, nullptr},
       {events({{3, -1, "d"}, {2, 2, "e"}}), {}, nullptr}},
      {{events({{4, 3, "f"}}), {}, nullptr}, {events({{3, 1, "g"}, {4, 3, "h"}, {4, -1, "i"}}), {}, nullptr}},
      {},
      {{events({{1, 2, "a"}, {1, 2, "a"}}), {}, nullptr}}};
};

TEST_F(DuckdbWrites, append_keeps_the_promises) {
  EXPECT_THAT(
      broken("append", {}, [](auto& held, const auto& rows) { held.insert(held.end(), rows.begin(), rows.end()); }),
      testing::IsEmpty());
}

TEST_F(DuckdbWrites, replace_keeps_the_promises) {
  EXPECT_THAT(broken("replace", {}, [](auto& held, const auto& rows) { held = rows; }), testing::IsEmpty());
}

TEST_F(DuckdbWrites, upsert_keeps_the_promises_and_the_last_row_of_a_key) {
  EXPECT_THAT(broken("upsert", {{"key", "id"}},
                     [](auto& held, const auto& rows) {
                       for (const auto& row : rows) {
                         std::erase_if(held, [&](const auto& other) { return cell(other, 0) == cell(row, 0); });
                         held.push_back(row);
                       }
                     }),
              testing::IsEmpty());
}

TEST_F(DuckdbWrites, replace_partitions_keeps_the_promises) {
  EXPECT_THAT(broken("replace_partitions", {{"partition_by", "day"}},
                     [](auto& held, const auto& rows) {
                       for (const auto& row : rows)
                         std::erase_if(held, [&](const auto& other) { return cell(other, 1) == cell(row, 1); });
                       held.insert(held.end(), rows.begin(), rows.end());
                     }),
              testing::IsEmpty());
}

TEST_F(DuckdbWrites, upsert_leaves_columns_alone_that_rows_do_not_fill) {
  run("CREATE TABLE students (id BIGINT PRIMARY KEY, \"Day\" INTEGER, text VARCHAR, seen INTEGER DEFAULT 7)");
  run("INSERT INTO students VALUES (1, 9, 'old', 3), (9, 9, 'stays', 4)");
  const auto bound = bind("upsert", epochs_[0][0].rows, {}, {{"key", "ID"}});
  ASSERT_TRUE(bound && problems_.empty()) << problems_.text();
  EXPECT_THAT(bound->notes, ElementsAre("the table is there, and its columns fit; rows of the same ID are updated"));
  EXPECT_EQ(commit(*bound->store, 1, {epochs_[0][0].rows, epochs_[0][1].rows}), 5);
  EXPECT_EQ(value("SELECT string_agg(concat_ws('|', id, \"Day\", text, seen), ' ' ORDER BY id) FROM students"),
            "1|2|c|3 2|2|e|7 3|d|7 9|9|stays|4");
}

TEST_F(DuckdbWrites, upsert_by_every_column_adds_only_what_is_new) {
  arrow::Int64Builder id;
  ASSERT_TRUE(id.AppendValues(std::vector<int64_t>{1, 2, 2, 3}).ok());
  const auto rows =
      arrow::RecordBatch::Make(arrow::schema({arrow::field("id", arrow::int64())}), 4, {id.Finish().ValueOrDie()});
  const auto bound = bind("upsert", rows, {}, {{"key", "id"}});
  ASSERT_TRUE(bound && problems_.empty()) << problems_.text();
  EXPECT_EQ(commit(*bound->store, 1, {rows}), 4);
  EXPECT_EQ(commit(*bound->store, 2, {rows, rows}), 8);
  EXPECT_EQ(value("SELECT string_agg(id, ' ' ORDER BY id) FROM students"), "1 2 3");
}

TEST_F(DuckdbWrites, a_key_takes_no_null) {
  const auto bound = bind("upsert", epochs_[0][0].rows, {}, {{"key", "Day"}});
  ASSERT_TRUE(bound && problems_.empty()) << problems_.text();
  EXPECT_THAT(bound->notes,
              ElementsAre("CREATE TABLE \"students\" (\"id\" BIGINT, \"Day\" INTEGER NOT NULL, \"text\" VARCHAR)"));
  const auto refused = bound->store->refuses(epochs_[0][1]);
  ASSERT_TRUE(refused) << refused.error().text();
  ASSERT_EQ(refused->size(), 1);
  EXPECT_EQ((*refused)[0].reason, "column `Day` of the key takes no NULL");
}

TEST_F(DuckdbWrites, partitions_are_refilled_under_a_unique_index) {
  run("CREATE TABLE students (id BIGINT, \"Day\" INTEGER, text VARCHAR)");
  run("INSERT INTO students VALUES (1, 1, 'old'), (2, 1, 'old'), (9, 9, 'stays')");
  run("CREATE UNIQUE INDEX by_id ON students (id)");
  const auto sink = merging("replace_partitions", {{"partition_by", "Day"}});
  EXPECT_EQ(commit(*sink, 1, {events({{2, 1, "new"}, {3, 1, "new"}})}), 2);
  EXPECT_THAT(contents(), testing::UnorderedElementsAre("2|1|new", "3|1|new", "9|9|stays"));
}

TEST_F(DuckdbWrites, settings_that_do_not_go_together_are_problems) {
  const auto mistakes = [this](const std::string& write, const Settings& settings) {
    problems_ = {};
    (void)bind(write, epochs_[0][0].rows, {}, settings);
    return problems_.text();
  };
  EXPECT_EQ(mistakes("upsert", {}), "p.yaml:10:5: `write: upsert` needs `key` (such as `key: [id]`)\n");
  EXPECT_EQ(mistakes("append", {{"key", "id"}}), "p.yaml:10:5: `key` means nothing without `write: upsert`\n");
  EXPECT_EQ(mistakes("upsert", {{"key", "idd"}}),
            "p.yaml:10:5: `key`: the rows have no column `idd` (did you mean `id`?)\n");
  EXPECT_EQ(mistakes("replace_partitions", {}),
            "p.yaml:10:5: `write: replace_partitions` needs `partition_by` (such as `partition_by: [id]`)\n");
}

}  // namespace
}  // namespace trommel
