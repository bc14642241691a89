#include "transforms/sql/sql.h"

#include <algorithm>
#include <map>
#include <optional>

#include "arrow/api.h"
#include "fmt/format.h"
#include "query/logical_plan.h"
#include "query/reference.h"
#include "query/syntax.h"
#include "transforms/sql/program.h"
#include "transforms/sql/shape.h"

namespace trommel {
namespace {

struct SqlConfig {
  std::string sql;
};

const Spec<SqlConfig>& sql_spec() {
  static const auto spec =
      Spec<SqlConfig>("sql", "Makes rows by a SELECT in DuckDB's SQL, over streams and reference tables")
          .field("sql", &SqlConfig::sql, "one SELECT; the names in FROM are sources, transforms and tables",
                 {.example = "SELECT * FROM flights WHERE dep_delay > 60", .required = true})
          .scalar_is("sql")
          .description(
              "A SELECT that looks at one row at a time (columns, WHERE, unnest, joins with `tables:`) works batch by "
              "batch, and its rows "
              "keep where they came from. Anything else (GROUP BY, DISTINCT, ORDER BY, LIMIT, window functions, joins "
              "of streams) waits for "
              "its whole input. `plan` says which it is and why. A row on which the SQL fails is a reject.")
          .example("sql: SELECT upper(carrier) AS carrier, dep_delay FROM flights WHERE dep_delay IS NOT NULL");
  return spec;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

/// The text itself is at fault, or (nothing) the outside.
bool is_problem(const Error& error) {
  return error.domain == Error::Domain::config || error.domain == Error::Domain::data;
}

/// The mistake into `problems`, or the error back when it is none of the text's.
Result<> report(Error error, const Node& settings, Problems& problems) {
  if (!is_problem(error)) return tl::unexpected(std::move(error));
  problems.add(settings.at_or_self("sql").place, "`sql`: " + error.what, error.hint);
  return {};
}

Result<std::vector<std::string>> inputs(const Node& settings, const std::vector<std::string>& candidates,
                                        const BindContext& context, Problems& problems) {
  const size_t before = problems.size();
  const auto config = sql_spec().parse(settings, problems);
  if (problems.size() != before) return std::vector<std::string>{};
  ASSIGN(const auto database, context.database());
  ASSIGN(const auto connection, database->connect());
  auto names = query::table_names(*connection, config.sql);
  if (!names) {
    TRY(report(std::move(names).error(), settings, problems));
    return std::vector<std::string>{};
  }
  std::vector<std::string> known = candidates, found;
  for (const auto& [name, table] : context.tables) known.push_back(name);
  for (const auto& name : *names) {
    const auto is_name = [&](const std::string& other) { return lower(other) == lower(name); };
    if (const auto stream = std::ranges::find_if(candidates, is_name); stream != candidates.end()) {
      found.push_back(*stream);
    } else if (std::ranges::none_of(context.tables, is_name, [](const auto& table) { return table.first; })) {
      const auto near = did_you_mean(name, known);
      problems.add(settings.at_or_self("sql").place,
                   fmt::format("`sql`: FROM names `{}`, which is no source, transform or table", name),
                   near.empty() ? "" : fmt::format("did you mean `{}`?", near));
    }
  }
  if (found.empty() && problems.size() == before) {
    problems.add(settings.at_or_self("sql").place, "`sql`: FROM names no source or transform",
                 "rows must come from somewhere");
  }
  return found;
}

/// Binds one text.
class Binder {
 public:
  Binder(std::string sql, const std::vector<InputInfo>& inputs, const BindContext& context)
      : sql_(std::move(sql)), inputs_(inputs), context_(context) {}

  Result<BoundTransform> bind() {
    ASSIGN(const auto database, context_.database());
    ASSIGN(connection_, database->connect());
    ASSIGN(const auto tables, find_tables());
    for (const auto& table : tables) TRY(query::declare_table(*connection_, table));
    for (const auto& input : inputs_) TRY(declare(input.name, input.schema));
    ASSIGN(const auto statement, connection_->prepare(sql_));
    TRY(names_are_unique(*statement->schema()));

    auto program = std::make_shared<SqlProgram>();
    program->sql = sql_;
    program->inputs = inputs_;
    program->tables = tables;
    program->schema = statement->schema();
    program->database = context_.database;

    BoundTransform bound;
    bound.schema = program->schema;
    ASSIGN(const auto shape, judge());
    if (!shape.row_by_row) {
      bound.shape = Shape::whole_input;
      bound.keeps_positions = false;
      bound.notes.push_back("waits for its whole input: " + shape.reason);
      bound.make = [program] { return make_whole_input(program); };
      return bound;
    }
    program->prepare_each_time = shape.has_asof;
    if (!context_.provenance) {
      bound.keeps_positions = false;
    } else if (auto carried = carry(*program); !carried) {
      if (!is_problem(carried.error())) return tl::unexpected(carried.error());
      bound.keeps_positions = false;
      bound.notes.push_back("where rows came from ends here: " + carried.error().what);
    }
    bound.make = [program] { return make_row_by_row(program); };
    return bound;
  }

 private:
  Result<> declare(const std::string& name, const Schema& schema) {
    const auto nothing = []() -> Result<query::NextRows> { return []() -> Result<Rows> { return Rows(); }; };
    return connection_->register_stream(name, schema, nothing, 0);
  }

  Result<std::vector<ReferenceTable>> find_tables() {
    ASSIGN(const auto names, query::table_names(*connection_, sql_));
    std::vector<ReferenceTable> out;
    for (const auto& [name, table] : context_.tables) {
      if (std::ranges::any_of(names, [&, key = lower(name)](const std::string& other) { return lower(other) == key; }))
        out.push_back(table);
    }
    return out;
  }

  Result<> names_are_unique(const arrow::Schema& schema) const {
    std::map<std::string, std::string> seen;
    for (const auto& field : schema.fields()) {
      const auto [other, fresh] = seen.emplace(lower(field->name()), field->name());
      if (fresh) continue;
      return config_error("",
                          other->second == field->name() ? fmt::format("two columns are named `{}`", field->name())
                                                         : fmt::format("the columns `{}` and `{}` differ in case alone",
                                                                       other->second, field->name()),
                          "give one another name with AS, or leave it out with EXCLUDE");
    }
    return {};
  }

  Result<SqlShape> judge() {
    if (inputs_.size() != 1) return SqlShape{false, fmt::format("{} streams are read", inputs_.size())};
    ASSIGN(const auto plan, query::logical_plan(*connection_, sql_));
    ASSIGN(const bool varies, query::varies_beside(*connection_, sql_, inputs_.front().name));
    if (varies) return SqlShape{false, "what is joined to the stream gives other rows each time"};
    return shape_of(plan);
  }

  /// Puts the row column into the program's text. An error of domain `config` says why that cannot be done.
  Result<> carry(SqlProgram& program) {
    const auto& input = inputs_.front();
    std::string column = "trommel_row";
    while (input.schema->GetFieldIndex(column) >= 0) column += '_';
    ASSIGN(auto carried, query::carry_column(*connection_, sql_, input.name, column));
    auto fields = input.schema->fields();
    fields.push_back(arrow::field(column, arrow::int64()));
    TRY(declare(input.name, arrow::schema(fields)));
    ASSIGN(const auto statement, connection_->prepare(carried));
    auto wanted = program.schema->fields();
    wanted.push_back(arrow::field(column, arrow::int64()));
    if (!statement->schema()->Equals(arrow::schema(wanted), false))
      return config_error("", "the columns change when the row's number is carried along");
    program.sql = std::move(carried);
    program.row_column = std::move(column);
    return {};
  }

  std::string sql_;
  const std::vector<InputInfo>& inputs_;
  const BindContext& context_;
  std::unique_ptr<query::Connection> connection_;
};

Result<BoundTransform> bind(const Node& settings, const std::vector<InputInfo>& inputs, const BindContext& context,
                            Problems& problems) {
  const size_t before = problems.size();
  const auto config = sql_spec().parse(settings, problems);
  if (problems.size() != before) return BoundTransform{};
  auto bound = Binder(config.sql, inputs, context).bind();
  if (bound) return bound;
  TRY(report(std::move(bound).error(), settings, problems));
  return BoundTransform{};
}

}  // namespace

TransformKind sql_transform() {
  TransformKind kind;
  kind.spec = &sql_spec().info();
  kind.inputs = inputs;
  kind.bind = bind;
  return kind;
}

}  // namespace trommel
