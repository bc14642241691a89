#include "engine/mend.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "codecs/text/encoding.h"
#include "codecs/text/spell.h"
#include "component/quiet_outlet.h"
#include "engine/graph.h"
#include "query/database.h"

namespace trommel {
namespace {

constexpr const char* kId = "reject_id";
constexpr const char* kRaw = "reject_raw";
constexpr const char* kOwn[] = {kId, "reject_stage", "reject_reason", "reject_file", "reject_line", kRaw};
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool is_own(const std::string& name) {
  return std::any_of(std::begin(kOwn), std::end(kOwn), [&](const char* own) { return name == own; });
}

/// Bytes that are no UTF-8 as U+FFFD.
std::string shown_raw(const std::string& raw) {
  const std::string line = json_line(Json(raw));
  return parse_json(line, "").value().get<std::string>();
}

std::optional<std::string> text_of(const Json& value) {
  if (value.is_null()) return std::nullopt;
  return value.is_string() ? value.get<std::string>() : json_line(value);
}

/// The one row that a record becomes, if it does.
class OneText final : public QuietOutlet {
 public:
  void emit(Batch batch) override { rows = batch.size() == 1 ? batch.rows : nullptr; }

  Rows rows;
};

}  // namespace

Result<std::shared_ptr<Source>> Recalling::bind(const std::string& name) const {
  const auto part = std::find_if(pipeline_.sources.begin(), pipeline_.sources.end(),
                                 [&](const Part& source) { return source.name == name; });
  if (part == pipeline_.sources.end())
    return config_error(pipeline_.file, "there is no source `" + name + "` any more");
  const SourceKind* kind = find_source_kind(components_, part->component);
  BindContext context;
  context.env = &env_;
  context.folder = pipeline_.folder;
  context.state_folder = pipeline_.settings.state;
  context.recalls = true;
  const auto rows = rows_.find(name);
  if (rows != rows_.end()) context.recalled_schema = rows->second;
  Problems problems;
  ASSIGN(auto source, kind->bind(part->settings, part->contract, context, problems));
  if (!problems.empty()) return config_error(pipeline_.file, problems.text());
  return source;
}

Result<const RecalledFormat*> Recalling::of(const Reject& reject) {
  if (!reject.facts || !reject.row.empty()) return nullptr;
  const std::pair key{reject.source, *reject.facts};
  if (const auto found = formats_.find(key); found != formats_.end()) return &found->second;
  auto& source = sources_[reject.source];
  if (!source) {
    ASSIGN(source, bind(reject.source));
  }
  ASSIGN(auto format, source->recall(*reject.facts));
  return &formats_.emplace(key, std::move(format)).first->second;
}

Result<RejectSheet> RejectSheet::make(std::vector<Reject> rejects, Recalling& recalling) {
  RejectSheet sheet;
  std::set<std::string> known;
  for (Reject& reject : rejects) {
    Line line;
    ASSIGN(line.format, recalling.of(reject));
    line.reject = std::move(reject);
    TRY(fill_columns(line));
    for (const std::string& name : line.order) {
      if (is_own(name))
        return config_error("column " + name,
                            "rejects are mended by tables that have a column of this name of their own",
                            "replay without an export and without --sql");
      if (known.insert(name).second) sheet.names_.push_back(name);
    }
    sheet.places_[line.reject.id] = sheet.lines_.size();
    sheet.lines_.push_back(std::move(line));
  }
  return sheet;
}

Result<> RejectSheet::fill_columns(Line& line) {
  if (!line.reject.row.empty()) {
    ASSIGN(const Json row, parse_json(line.reject.row, "reject " + line.reject.id));
    for (const auto& [name, value] : row.items()) {
      line.order.push_back(name);
      line.columns[name] = text_of(value);
    }
    return {};
  }
  line.raw_exact = text::is_utf8(line.reject.raw);
  line.raw = line.raw_exact ? line.reject.raw : shown_raw(line.reject.raw);
  if (line.format == nullptr || !line.format->as_text || line.reject.raw_cut) return {};
  Block block;
  block.bytes = arrow::Buffer::FromString(line.reject.raw);
  block.to = static_cast<Position>(line.reject.raw.size());
  OneText text;
  ASSIGN([[maybe_unused]] const int64_t records, line.format->as_text->decode(block, text));
  if (!text.rows) return {};
  for (int i = 0; i < text.rows->num_columns(); ++i) {
    const std::string& name = text.rows->schema()->field(i)->name();
    const auto& column = *text.rows->column(i);
    line.order.push_back(name);
    line.columns[name] = column.IsNull(0) ? std::nullopt : std::optional(value_text(column, 0));
  }
  return {};
}

Rows RejectSheet::rows() const {
  const size_t own = std::size(kOwn);
  std::vector<arrow::StringBuilder> columns(own + names_.size());
  const auto put = [](arrow::StringBuilder& column, const std::optional<std::string>& value) {
    (void)(value ? column.Append(*value) : column.AppendNull());
  };
  for (const Line& line : lines_) {
    const Reject& reject = line.reject;
    (void)columns[0].Append(reject.id);
    (void)columns[1].Append(reject.stage);
    (void)columns[2].Append(reason_text(reject.column, reject.reason));
    put(columns[3], reject.split.empty() ? std::nullopt : std::optional(reject.split));
    put(columns[4], reject.line > 0 ? std::optional(std::to_string(reject.line)) : std::nullopt);
    put(columns[5], line.raw);
    for (size_t i = 0; i < names_.size(); ++i) {
      const auto value = line.columns.find(names_[i]);
      put(columns[own + i], value == line.columns.end() ? std::nullopt : value->second);
    }
  }
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (size_t i = 0; i < columns.size(); ++i) {
    fields.push_back(arrow::field(i < own ? kOwn[i] : names_[i - own], arrow::utf8()));
    arrays.push_back(columns[i].Finish().ValueOrDie());
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), static_cast<int64_t>(lines_.size()),
                                  std::move(arrays));
}

std::string RejectSheet::json_lines() const {
  std::string out;
  for (const Line& line : lines_) {
    const Reject& reject = line.reject;
    Json json = {
        {kId, reject.id}, {"reject_stage", reject.stage}, {"reject_reason", reason_text(reject.column, reject.reason)}};
    if (!reject.split.empty()) json["reject_file"] = reject.split;
    if (reject.line > 0) json["reject_line"] = reject.line;
    if (line.raw) json[kRaw] = *line.raw;
    std::string text = json_line(json);
    if (!reject.row.empty()) text.replace(text.size() - 1, 1, ",\"row\":" + reject.row + "}");
    out += text + "\n";
  }
  return out;
}

Result<> RejectSheet::take(const Answer& answer, const Mending& how) {
  const auto id = answer.find(kId);
  if (id == answer.end())
    return config_error("rejects", "the rows that come back have no column `reject_id`", "`SELECT *` keeps it");
  const auto found = places_.find(id->second.value_or(""));
  if (found == places_.end()) return {};  // whoever asked knows which these are
  Line& line = lines_[found->second];
  if (std::exchange(line.seen, true)) return data_error("reject " + line.reject.id, "comes back twice");
  std::set<std::string> changed;
  for (const auto& [name, value] : answer) {
    if (is_own(name)) continue;
    const auto before = line.columns.find(name);
    if (before == line.columns.end() ? value.has_value() : before->second != value) changed.insert(name);
  }
  const auto raw = answer.find(kRaw);
  const bool new_raw = line.raw && raw != answer.end() && raw->second && *raw->second != *line.raw;
  const bool lost =
      !how.keep_lost && !line.raw &&
      std::any_of(line.order.begin(), line.order.end(), [&](const auto& name) { return !answer.contains(name); });
  if (!new_raw && changed.empty() && !lost) {
    line.comes_back = how.all;
    unchanged_ += how.all ? 0 : 1;
    return {};
  }
  line.comes_back = true;
  if (new_raw && !changed.empty())
    return data_error("reject " + line.reject.id,
                      fmt::format("both `reject_raw` and `{}` were changed", *changed.begin()),
                      "change the one or the other");
  if (!line.raw) {
    change_values(line, answer, changed, how.keep_lost);
  } else if (new_raw) {
    if (!line.raw_exact && raw->second->find(kReplacement) != std::string::npos)
      return data_error("reject " + line.reject.id, "still holds U+FFFD in place of bytes that are no UTF-8",
                        "write what belongs there");
    line.reject.raw = *raw->second;
    line.reject.raw_cut = false;
  } else {
    TRY(change_bytes(line, answer, changed));
  }
  return {};
}

/// Puts a record together again from its columns.
Result<> RejectSheet::change_bytes(Line& line, const Answer& answer, const std::set<std::string>& changed) const {
  for (const std::string& name : changed) {
    if (!line.columns.contains(name))
      return data_error(
          "reject " + line.reject.id,
          line.order.empty() ? "its bytes cannot be cut into columns" : "its file has no column `" + name + "`",
          "change `reject_raw`");
  }
  std::vector<std::optional<std::string>> fields;
  for (const std::string& name : line.order)
    fields.push_back(changed.contains(name) ? answer.at(name) : line.columns.at(name));
  line.reject.raw = line.format->record(fields);
  return {};
}

/// What was not changed stays as it was spelled.
void RejectSheet::change_values(Line& line, const Answer& answer, const std::set<std::string>& changed,
                                bool keep_lost) {
  const Json before = parse_json(line.reject.row, "").value();
  Json row = Json::object();
  for (const auto& [name, value] : before.items()) {
    if (!answer.contains(name) && !keep_lost) continue;
    if (!changed.contains(name)) row[name] = value;
  }
  for (const std::string& name : changed) {
    const auto& value = answer.at(name);
    row[name] = value ? Json(*value) : Json(nullptr);
  }
  line.reject.row = json_line(row);
}

std::vector<Reject> RejectSheet::mended() const {
  std::vector<Reject> out;
  for (const Line& line : lines_) {
    if (line.comes_back) out.push_back(line.reject);
  }
  return out;
}

Result<> for_each_answer(const arrow::RecordBatch& rows,
                         const std::function<Result<>(const RejectSheet::Answer&)>& each) {
  std::vector<std::unique_ptr<text::Speller>> columns;
  for (int i = 0; i < rows.num_columns(); ++i) {
    ASSIGN(auto column, text::make_speller(rows.column(i), text::Style::plain));
    columns.push_back(std::move(column));
  }
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    RejectSheet::Answer answer;
    for (int i = 0; i < rows.num_columns(); ++i) {
      auto& value = answer[rows.schema()->field(i)->name()];
      if (rows.column(i)->IsNull(row)) continue;
      columns[static_cast<size_t>(i)]->spell(row, value.emplace());
    }
    TRY(each(answer));
  }
  return {};
}

Result<RejectSheet::Answer> answer_of_json(std::string_view line, const std::string& where) {
  ASSIGN(const Json in, parse_json(line, where));
  RejectSheet::Answer answer;
  if (!in.is_object()) return data_error(where, "is no JSON object");
  for (const auto& [name, value] : in.items()) {
    if (name != "row") {
      answer[name] = text_of(value);
      continue;
    }
    if (!value.is_object()) return data_error(where, "`row` is no JSON object");
    for (const auto& [column, of_row] : value.items()) answer[column] = text_of(of_row);
  }
  return answer;
}

Result<> mend_by_sql(RejectSheet& sheet, const std::string& sql) {
  ASSIGN(const auto database, query::Database::open({}));
  ASSIGN(const auto connection, database->connect());
  const Rows all = sheet.rows();
  TRY(connection->register_stream(
      "rejects", all->schema(),
      [all]() -> Result<query::NextRows> {
        return query::NextRows([rows = all]() mutable -> Result<Rows> { return std::exchange(rows, nullptr); });
      },
      all->num_rows()));
  ASSIGN(const auto cursor, connection->query(sql));
  for (;;) {
    ASSIGN(const Rows rows, cursor->next());
    if (!rows) return {};
    TRY(for_each_answer(*rows, [&](const RejectSheet::Answer& answer) { return sheet.take(answer, {}); }));
  }
}

}  // namespace trommel
