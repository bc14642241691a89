#include "transforms/check/sql_rules.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <numeric>

namespace trommel {

namespace {

constexpr const char* stream = "rows_to_check";

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (static_cast<uint8_t>(c) & 0x80) != 0;
}

// Columns whose names stand in the text as words; quoted texts may fool it, which costs no more than a longer value in
// a reject.
std::vector<std::string> names_in(const std::string& sql, const arrow::Schema& schema) {
  std::vector<std::string> out;
  for (const std::string& name : schema.field_names()) {
    for (size_t at = sql.find(name); at != std::string::npos; at = sql.find(name, at + 1)) {
      const size_t end = at + name.size();
      if ((at > 0 && is_word(sql[at - 1])) || (end < sql.size() && is_word(sql[end]))) continue;
      out.push_back(name);
      break;
    }
  }
  return out;
}

Result<std::unique_ptr<query::Connection>> connection_with(query::Database& database, const Schema& schema,
                                                           std::function<Rows()> rows) {
  ASSIGN(auto connection, database.connect());
  TRY(connection->register_stream(stream, schema, [rows = std::move(rows)]() -> Result<query::NextRows> {
    return query::NextRows([next = rows()]() mutable -> Result<Rows> { return std::exchange(next, nullptr); });
  }));
  return connection;
}

std::string row_column(const arrow::Schema& schema) {
  std::string name = "row_number_of_batch";
  while (schema.GetFieldIndex(name) >= 0) name += '_';
  return name;
}

}  // namespace

Result<> bind_sql_rules(std::vector<SqlRule>& rules, const Schema& schema, query::Database& database,
                        Problems& problems) {
  ASSIGN(auto connection, connection_with(database, schema, [] { return Rows(); }));
  for (SqlRule& rule : rules) {
    auto statement = connection->prepare(fmt::format("SELECT ({}\n) FROM {}", rule.sql, stream));
    if (!statement) {
      if (statement.error().domain == Error::Domain::external) return tl::unexpected(statement.error());
      problems.add(rule.place, fmt::format("`sql`: {}", statement.error().what), statement.error().hint);
      continue;
    }
    const Schema out = (*statement)->schema();
    if (out->num_fields() != 1 || out->field(0)->type()->id() != arrow::Type::BOOL) {
      problems.add(rule.place, fmt::format("`sql`: {} is {}, and a rule is true or false", rule.sql,
                                           type_name(*out->field(0)->type())));
      continue;
    }
    // Alone among others: an aggregate or a window says something about all rows, and a rule is about one.
    if (auto alone = connection->prepare(fmt::format("SELECT 1 FROM {} WHERE ({}\n)", stream, rule.sql)); !alone) {
      problems.add(rule.place, fmt::format("`sql`: {}", alone.error().what), "a rule looks at one row at a time");
      continue;
    }
    rule.names = names_in(rule.sql, *schema);
    if (rule.column.empty() && rule.names.size() == 1) rule.column = rule.names.front();
  }
  return {};
}

Result<std::unique_ptr<SqlTester>> SqlTester::make(std::shared_ptr<const std::vector<SqlRule>> rules,
                                                   const Schema& schema,
                                                   const std::shared_ptr<query::Database>& database) {
  std::unique_ptr<SqlTester> tester(new SqlTester);
  tester->rules_ = std::move(rules);
  tester->database_ = database;
  const std::string number = row_column(*schema);
  auto fields = schema->fields();
  fields.push_back(arrow::field(number, arrow::int64()));
  tester->numbered_ = arrow::schema(fields);
  ASSIGN(tester->connection_,
         connection_with(*database, tester->numbered_, [self = tester.get()] { return self->current_; }));
  std::string columns = query::quote_name(number);
  std::string good;
  for (const SqlRule& rule : *tester->rules_) {
    columns += fmt::format(", ({}\n) IS NOT FALSE", rule.sql);
    good += fmt::format("{}(({}\n) IS NOT FALSE)", good.empty() ? "" : " AND ", rule.sql);
  }
  ASSIGN(tester->statement_,
         tester->connection_->prepare(fmt::format("SELECT {} FROM {} WHERE NOT ({})", columns, stream, good)));
  return tester;
}

Result<> SqlTester::test(const Rows& rows, Faults& faults) { return test_from(rows, 0, faults); }

Result<> SqlTester::test_from(const Rows& rows, int64_t first, Faults& faults) {
  auto done = run(rows, first, faults);
  current_ = nullptr;
  if (done || done.error().domain != Error::Domain::data) return done;
  if (rows->num_rows() == 1) {
    const SqlRule& rule = rules_->front();
    const bool one = rules_->size() == 1;
    faults.add(first, one ? rule.code : "sql", one ? rule.column : "", one ? value(rule, rows, 0) : "",
               "sql: " + done.error().what);
    return {};
  }
  const int64_t half = rows->num_rows() / 2;
  TRY(test_from(rows->Slice(0, half), first, faults));
  return test_from(rows->Slice(half), first + half, faults);
}

// Faults are added only once the whole statement went well: a batch that fails half-way is asked again in halves.
Result<> SqlTester::run(const Rows& rows, int64_t first, Faults& faults) {
  if (rows->num_rows() == 0) return {};
  std::vector<int64_t> numbers(static_cast<size_t>(rows->num_rows()));
  std::iota(numbers.begin(), numbers.end(), 0);
  auto columns = rows->columns();
  columns.push_back(
      std::make_shared<arrow::Int64Array>(rows->num_rows(), arrow::Buffer::FromVector(std::move(numbers))));
  current_ = arrow::RecordBatch::Make(numbered_, rows->num_rows(), std::move(columns));
  ASSIGN(auto cursor, statement_->run());
  std::vector<std::pair<int64_t, size_t>> broken;
  while (true) {
    ASSIGN(const Rows bad, cursor->next());
    if (!bad) break;
    const auto& number = static_cast<const arrow::Int64Array&>(*bad->column(0));
    for (int64_t i = 0; i < bad->num_rows(); ++i) {
      for (size_t r = 0; r < rules_->size(); ++r) {
        const auto& good = static_cast<const arrow::BooleanArray&>(*bad->column(static_cast<int>(r) + 1));
        if (!good.Value(i)) broken.emplace_back(number.Value(i), r);
      }
    }
  }
  std::sort(broken.begin(), broken.end());
  for (const auto& [row, r] : broken) {
    const SqlRule& rule = (*rules_)[r];
    faults.add(first + row, rule.code, rule.column, value(rule, rows, row),
               fmt::format("{}: not true: {}", rule.code, rule.sql));
  }
  return {};
}

std::string SqlTester::value(const SqlRule& rule, const Rows& rows, int64_t row) const {
  const auto text = [&](const std::string& name) {
    const int at = rows->schema()->GetFieldIndex(name);
    return at < 0 ? std::string() : value_text(*rows->column(at), row);
  };
  if (!rule.column.empty()) return text(rule.column);
  std::string out;
  for (const std::string& name : rule.names) out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", name, text(name));
  return out;
}

}  // namespace trommel
