#include "config/endpoints.h"

#include <algorithm>
#include <set>

#include "config/own_paths.h"

namespace trommel {

namespace {

constexpr std::string_view blanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

struct Spelling {
  std::string_view text;
  Comparison comparison;
};

/// The longer ones first: `<=` ends with `=`.
constexpr Spelling spellings[] = {
    {"<=", Comparison::less_or_equal}, {">=", Comparison::greater_or_equal},
    {"!=", Comparison::not_equal},     {"<>", Comparison::not_equal},
    {"=", Comparison::equal},          {"<", Comparison::less},
    {">", Comparison::greater},
};

/// RFC 3986: what may stand in a path as it is, without escapes; no empty parts, no dots alone.
bool is_endpoint_path(std::string_view path) {
  if (path.size() < 2 || path.front() != '/' || path.back() == '/') return false;
  size_t begin = 1;
  for (size_t i = 1; i <= path.size(); ++i) {
    if (i == path.size() || path[i] == '/') {
      const auto part = path.substr(begin, i - begin);
      if (part.empty() || part == "." || part == "..") return false;
      begin = i + 1;
      continue;
    }
    const char c = path[i];
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (!plain) return false;
  }
  return true;
}

bool is_parameter_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// Every parameter of an endpoint has a name of its own.
class ParameterNames {
 public:
  explicit ParameterNames(Problems& problems) : problems_(problems) {}
  void add(const std::string& name, const Place& place) {
    if (!is_parameter_name(name))
      problems_.add(place, "`" + name + "` cannot name a parameter", "letters, digits and _, beginning with a letter");
    if (!names_.insert(name).second)
      problems_.add(place, "two parameters of the endpoint are called `" + name + "`",
                    "`filters`, `parameters` and `page` name them");
  }

 private:
  Problems& problems_;
  std::set<std::string> names_;
};

void check_endpoint(const EndpointText& text, const Node& node, Problems& problems) {
  ParameterNames names(problems);
  for (const auto& filter : text.filters) names.add(filter.key, filter.place);
  for (const auto& parameter : text.parameters) names.add(parameter.key, parameter.place);
  if (text.page) {
    const Node& page = *node.find("page");
    names.add(text.page->number, page.at_or_self("number").place);
    names.add(text.page->size, page.at_or_self("size").place);
    names.add(text.page->cursor, page.at_or_self("cursor").place);
  }
  if (text.max_rows < 1) problems.add(node.at_or_self("max_rows").place, "`max_rows` must be at least 1");
  if (text.timeout.us < 1) problems.add(node.at_or_self("timeout").place, "`timeout` must be more than nothing");
  for (const auto& parameter : text.parameters) {
    if (parameter.value.required && parameter.value.default_)
      problems.add(parameter.place, "parameter `" + parameter.key + "` is required, and has a default",
                   "leave out one of them");
    if (parameter.value.default_ && !text_fits(*parameter.value.default_, parameter.value.type.type))
      problems.add(parameter.place, "the default of `" + parameter.key + "` must be a value of its type, not `" +
                                        *parameter.value.default_ + "`");
  }
}

}  // namespace

const char* comparison_text(Comparison comparison) {
  switch (comparison) {
    case Comparison::equal:
      return "=";
    case Comparison::not_equal:
      return "<>";
    case Comparison::less:
      return "<";
    case Comparison::less_or_equal:
      return "<=";
    case Comparison::greater:
      return ">";
    case Comparison::greater_or_equal:
      return ">=";
    case Comparison::in:
      return "in";
  }
  return "";
}

std::optional<FilterText> parse_filter(std::string_view text) {
  text = trimmed(text);
  FilterText filter;
  if (text.size() > 3 && lower(text.substr(text.size() - 2)) == "in" &&
      blanks.find(text[text.size() - 3]) != blanks.npos) {
    filter.comparison = Comparison::in;
    filter.column = trimmed(text.substr(0, text.size() - 2));
    return filter.column.empty() ? std::nullopt : std::optional(filter);
  }
  for (const Spelling& spelling : spellings) {
    if (!text.ends_with(spelling.text)) continue;
    filter.comparison = spelling.comparison;
    filter.column = trimmed(text.substr(0, text.size() - spelling.text.size()));
    return filter.column.empty() ? std::nullopt : std::optional(filter);
  }
  return std::nullopt;
}

void Reads<FilterText>::read(const Node& node, std::string_view name, FilterText& value, Problems& problems) {
  const auto filter = node.is_scalar() ? parse_filter(node.scalar) : std::nullopt;
  if (!filter)
    return wrong_type(node, name, "a column and a comparison", problems,
                      "such as \"game_id =\"; one of =, !=, <, <=, >, >=, in");
  value = *filter;
  value.place = node.place;
}

void Reads<OrderText>::read(const Node& node, std::string_view name, OrderText& value, Problems& problems) {
  if (!fits(node)) return wrong_type(node, name, "a column", problems, "such as day, or day desc");
  std::string_view text = trimmed(node.scalar);
  const size_t blank = text.find_last_of(blanks);
  const std::string last = blank == text.npos ? "" : lower(text.substr(blank + 1));
  if (last == "desc" || last == "asc") text = trimmed(text.substr(0, blank));
  value = {std::string(text), last == "desc", node.place};
}

void Reads<TypeName>::read(const Node& node, std::string_view name, TypeName& value, Problems& problems) {
  if (!node.is_scalar()) return wrong_type(node, name, "a type", problems, "such as int64, string or date");
  auto type = parse_type(node.scalar);
  if (!type) return wrong_type(node, name, "a type", problems, type.error().hint);
  value.type = type->type;
}

const Spec<ParameterText>& ParameterText::spec() {
  static const auto spec =
      Spec<ParameterText>("parameter", "A parameter of the request that stands in the SQL text as `$name`")
          .scalar_is("type")
          .field("type", &ParameterText::type, "what its values are", {.example = "date", .required = true})
          .field("default", &ParameterText::default_, "its value when the request has none; left out, NULL",
                 {.example = "2026-01-01"})
          .field("required", &ParameterText::required, "a request without it is refused")
          .field("description", &ParameterText::description, "a sentence for the API's documentation");
  return spec;
}

const Spec<PageText>& PageText::spec() {
  static const auto spec =
      Spec<PageText>("page", "Rows are handed out in pages: which parameters choose one, and how large they are")
          .field("number", &PageText::number, "the parameter for a page's number, from 1", {.example = "page_num"})
          .field("size", &PageText::size, "the parameter for how many rows a page has")
          .field("cursor", &PageText::cursor,
                 "the parameter for pages by cursor: empty for the first, then what `pagination` hands out")
          .field("default", &PageText::default_, "rows of a page when the request does not say", {.example = "10"})
          .field("max", &PageText::max, "rows that a request may ask for")
          .check([](const PageText& text, const Node& node, Problems& problems) {
            if (text.default_ < 1) problems.add(node.at_or_self("default").place, "`default` must be at least 1");
            if (text.max < text.default_)
              problems.add(node.at_or_self("max").place,
                           "`max` must not be less than `default`, which is " + std::to_string(text.default_));
            if (text.max > 100'000) problems.add(node.at_or_self("max").place, "`max` must be at most 100000");
          });
  return spec;
}

const Spec<EndpointText>& EndpointText::spec() {
  static const auto spec =
      Spec<EndpointText>("endpoint", "A question to a store, answered over HTTP: a SELECT is the API")
          .description(
              "An entry of `endpoints:`; its key is the path. Everything that a request says is checked against the "
              "type of its column and bound as a value: nothing of it becomes SQL text.\n\n"
              "`filters` narrow the rows that the SELECT makes, by columns of its result; a filter whose parameter the "
              "request does not have vanishes. A date alone, given for a column of times, stands for the whole day: "
              "`>=` "
              "begins with it, `<` and `<=` include it, `>` begins after it, `=` is any time in it. Times without a "
              "zone "
              "are UTC.\n\n"
              "`parameters` stand in the text of the SELECT as `$name`, with the type that is written here; one that "
              "the request does not have is its default, or NULL.\n\n"
              "Rows come in one order always: by `order_by`, then by `key`, or by all other columns where no `key` is "
              "named. So numbered pages neither repeat nor leave out a row while the table stands still, and pages by "
              "cursor do so while rows come in. NULL comes last.\n\n"
              "The answer is JSON, CSV, an Arrow stream or Parquet, as `Accept` asks.")
          .field("store", &EndpointText::store, "the store that is asked; may be left out when there is only one",
                 {.example = "warehouse"})
          .field("sql", &EndpointText::sql, "one SELECT, over tables of the store, views among them",
                 {.example = "SELECT created_hour, game_id, user_id FROM hourly", .required = true})
          .field("description", &EndpointText::description, "a sentence or more for the API's documentation")
          .field("filters", &EndpointText::filters,
                 "by parameter: a column of the result and how it is compared (=, !=, <, <=, >, >=, in)",
                 {.example = "{ player_id: \"user_id =\", end_date: \"created_hour <\" }"})
          .field("parameters", &EndpointText::parameters, "by name: the type of what stands in `sql` as `$name`",
                 {.example = "{ country: string, since: { type: date, default: 2026-01-01 } }"})
          .field("order_by", &EndpointText::order_by, "columns of the result, `desc` behind those that fall",
                 {.example = "[created_hour desc, game_id]"})
          .field("key", &EndpointText::key, "columns that tell rows apart; left out, all of them together do",
                 {.example = "[created_hour, game_id, user_id]"})
          .field("page", &EndpointText::page, "hand out pages; left out, all rows are one answer",
                 {.example = "{ default: 10, max: 1000 }"})
          .field("totals", &EndpointText::totals, "count the rows on all pages for `total_results`")
          .field("max_rows", &EndpointText::max_rows,
                 "without `page`: an answer of more rows is refused, and says what narrows it")
          .field("timeout", &EndpointText::timeout, "a question that takes longer is broken off", {.example = "5s"})
          .example(
              "sources:\n  drops: { files: { path: input/*.csv } }\nsinks:\n  table: { store: warehouse, table: "
              "game_rounds }\nstores:\n  warehouse: duckdb:rounds.duckdb\nendpoints:\n  /rounds:\n    sql: SELECT * "
              "FROM game_rounds\n    filters: { game_id: \"game_id =\" }\n    order_by: game_id\n    page: { default: "
              "10 }\n")
          .check(check_endpoint);
  return spec;
}

const Spec<ViewText>& ViewText::spec() {
  static const auto spec =
      Spec<ViewText>("view", "A table of a store that is kept as a SELECT over other tables makes it")
          .description(
              "An entry of `views:`; its key is the table's name. It changes in the same transaction as the rows that "
              "it is made from, so that nobody sees the one without the other, and a commit that is repeated changes "
              "neither. (In a ClickHouse, which has no transactions, it follows before the epoch counts as done.)\n\n"
              "With an epoch's rows only the groups that they belong to are made anew: those whose `by` columns have "
              "values that the rows bring. That needs a SELECT over one table, whose `by` columns are computed from "
              "columns of one row, and among those it is grouped by. Any other SELECT (joins, windows, a LIMIT), and "
              "one over a table that is not only appended to, is made anew as a whole by each epoch; `plan` says "
              "which.")
          .field("store", &ViewText::store, "the store that holds it; may be left out when there is only one",
                 {.example = "warehouse"})
          .field("by", &ViewText::by, "columns of the view whose values make a group",
                 {.example = "[created_hour, game_id, user_id]", .required = true})
          .field("sql", &ViewText::sql, "one SELECT over tables of the store",
                 {.example = "SELECT game_id, count(*) AS rounds FROM game_rounds GROUP BY ALL", .required = true})
          .example(
              "sources:\n  drops: { files: { path: input/*.csv } }\nsinks:\n  table: { store: warehouse, table: "
              "game_rounds }\nstores:\n  warehouse: duckdb:rounds.duckdb\nviews:\n  by_game: { by: game_id, sql: "
              "\"SELECT game_id, count(*) AS rounds FROM game_rounds GROUP BY ALL\" }\n")
          .check([](const ViewText& text, const Node& node, Problems& problems) {
            if (text.by.empty()) problems.add(node.at_or_self("by").place, "`by` names no column");
          });
  return spec;
}

Endpoint read_endpoint(const Pair<Node>& text, Problems& problems) {
  if (!is_endpoint_path(text.key))
    problems.add(text.place, "`" + text.key + "` cannot be the path of an endpoint",
                 "a / and then letters, digits, -, ., _ and ~, such as /game_rounds");
  else if (own_path::covers(text.key))
    problems.add(text.place, "the path `" + text.key + "` is taken by the server itself");
  const auto found = EndpointText::spec().parse(text.value, problems, text.key);
  Endpoint endpoint;
  endpoint.path = text.key;
  endpoint.place = text.place;
  endpoint.sql = found.sql;
  endpoint.sql_place = text.value.at_or_self("sql").place;
  endpoint.description = found.description;
  for (const auto& filter : found.filters)
    endpoint.filters.push_back({filter.key, filter.value.column, filter.value.comparison, filter.value.place});
  for (const auto& parameter : found.parameters)
    endpoint.parameters.push_back({parameter.key, parameter.value.type.type, parameter.value.default_,
                                   parameter.value.required, parameter.value.description, parameter.place});
  for (const auto& order : found.order_by) endpoint.order_by.push_back({order.column, order.descending, order.place});
  for (const auto& column : found.key) endpoint.key.push_back({column.column, column.descending, column.place});
  if (found.page)
    endpoint.pages =
        EndpointPages{found.page->number, found.page->size, found.page->cursor, found.page->default_, found.page->max};
  endpoint.totals = found.totals;
  endpoint.max_rows = found.max_rows;
  endpoint.timeout_us = found.timeout.us;
  return endpoint;
}

View read_view(const Pair<Node>& text, Problems& problems) {
  const auto found = ViewText::spec().parse(text.value, problems, text.key);
  View view;
  view.name = text.key;
  view.place = text.place;
  view.by = found.by;
  view.by_place = text.value.at_or_self("by").place;
  view.sql = found.sql;
  view.sql_place = text.value.at_or_self("sql").place;
  return view;
}

}  // namespace trommel
