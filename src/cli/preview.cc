#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "batch/types.h"
#include "cli/data_file.h"
#include "cli/rows.h"
#include "cli/scratch.h"
#include "cli/verb.h"
#include "telemetry/log.h"
#include "telemetry/numbers.h"

namespace trommel::cli {

namespace {

struct Options {
  std::string file;
  FileOptions reading;
  int64_t rows = 10;
  bool columns = false, json = false;
};

/// The beginning of a file, as far as it is shown.
struct Beginning {
  Schema schema;
  std::vector<Rows> rows;
  int64_t shown = 0;
  bool more = false;
  std::vector<UnreadRow> unread;
  std::vector<std::string> notes;
  std::optional<std::string> only_file;
};

/// Once: a value that does not fit what was guessed leaves its row out, and is told in `misfits`.
Result<Beginning> read_once(Source& source, int64_t wanted, std::vector<Misfit>& misfits) {
  Beginning out;
  out.schema = source.schema();
  out.notes = source.notes();
  ASSIGN(const auto splits, source.discover());
  if (splits.size() == 1) out.only_file = splits.front().name;
  SourceRows reader(source);
  while (true) {
    ASSIGN(const Rows rows, reader.next());
    if (!rows) break;
    const int64_t taken = std::min(wanted - out.shown, rows->num_rows());
    if (taken > 0) out.rows.push_back(rows->Slice(0, taken));
    out.shown += taken;
    out.more = taken < rows->num_rows();
    if (out.more) break;
  }
  out.unread = std::move(reader.unread);
  misfits = std::move(reader.misfits);
  return out;
}

/// As a run would have it: where a value does not fit its guess, all rows are looked at for wider types.
Result<Beginning> read_beginning(Source& source, int64_t wanted) {
  for (int attempt = 0;; ++attempt) {
    std::vector<Misfit> misfits;
    ASSIGN(auto out, read_once(source, wanted, misfits));
    if (misfits.empty() || attempt == 3) return out;
    TRY(source.widen(misfits));
  }
}

Table rows_down(const Beginning& beginning) {
  Table table = table_of(beginning.schema, true);
  for (const Rows& rows : beginning.rows) add_rows(table, *rows, rows->num_rows());
  return table;
}

/// A line for each column: what wide files are read by.
Table columns_down(const Beginning& beginning, int64_t rows_shown) {
  std::vector<Table::Column> head = {{"column"}, {"type"}};
  for (int64_t row = 1; row <= rows_shown; ++row) head.push_back({fmt::format("row {}", row)});
  Table table(head);
  for (int column = 0; column < beginning.schema->num_fields(); ++column) {
    const auto& field = beginning.schema->field(column);
    std::vector<std::string> cells = {field->name(), type_name(*field->type())};
    for (const Rows& rows : beginning.rows) {
      for (int64_t row = 0; row < rows->num_rows() && cells.size() < head.size(); ++row)
        cells.push_back(value_text(*rows->column(column), row));
    }
    table.add(std::move(cells));
  }
  return table;
}

/// As rows where these fit, else as columns with as many values as fit.
Table table_for(const Beginning& beginning, bool columns, int width) {
  if (!columns) {
    Table table = rows_down(beginning);
    if (width <= 0 || table.width() <= width) return table;
  }
  for (int64_t rows = std::min<int64_t>(beginning.shown, 4);; --rows) {
    Table table = columns_down(beginning, rows);
    if (rows <= 1 || width <= 0 || table.width() <= width) return table;
  }
}

/// The notes below the name of the file that they are about, where it is the only one.
std::string guesses_text(const Beginning& beginning) {
  std::string text;
  for (const std::string& note : beginning.notes) {
    const bool of_file = beginning.only_file && note.starts_with(*beginning.only_file + ": ");
    if (of_file && text.empty()) text += printable(*beginning.only_file) + "\n";
    text += of_file ? "  " + printable(note.substr(beginning.only_file->size() + 2)) : printable(note);
    text += "\n";
  }
  return text;
}

void show(Session& session, const Beginning& beginning, bool columns) {
  const Terminal& terminal = session.out_terminal;
  std::string text = guesses_text(beginning);
  if (!text.empty()) text += "\n";
  text += table_for(beginning, columns, terminal.width).text(terminal.width);
  text += terminal.paint(fmt::format("{}{}, {} columns", beginning.more ? "first " : "", rows_text(beginning.shown),
                                     beginning.schema->num_fields()),
                         Colour::dim) +
          "\n";
  session.out(text);
  for (size_t i = 0; i < beginning.unread.size() && i < 5; ++i)
    session.warn(fmt::format("{}: {}", beginning.unread[i].place, beginning.unread[i].reason));
  if (beginning.unread.size() > 5) session.warn(fmt::format("and {} rows more", beginning.unread.size() - 5));
}

std::string json_of(const std::string& file, const Beginning& beginning) {
  const auto list = [](const auto& items, const auto& text_of) {
    std::string out;
    for (const auto& item : items) out += (out.empty() ? "" : ",") + text_of(item);
    return "[" + out + "]";
  };
  std::vector<std::string> rows;
  for (const Rows& some : beginning.rows) {
    const std::string lines = json_lines(*some);
    for (size_t at = 0; at < lines.size();) {
      const size_t end = lines.find('\n', at);
      rows.push_back(lines.substr(at, end - at));
      at = end + 1;
    }
  }
  return fmt::format("{{\"file\":{},\"guesses\":{},\"columns\":{},\"rows\":{},\"more\":{},\"unread\":{}}}\n",
                     json_text(file), list(beginning.notes, [](const std::string& text) { return json_text(text); }),
                     list(beginning.schema->fields(),
                          [](const auto& field) {
                            return fmt::format("{{\"name\":{},\"type\":{}}}", json_text(field->name()),
                                               json_text(type_name(*field->type())));
                          }),
                     list(rows, [](const std::string& row) { return row; }), beginning.more,
                     list(beginning.unread, [](const auto& row) {
                       return fmt::format("{{\"place\":{},\"reason\":{}}}", json_text(row.place),
                                          json_text(row.reason));
                     }));
}

int preview(Session& session, const Options& options) {
  const ScratchFolder scratch(session.env);
  const auto folder = scratch.path();
  if (!folder) return session.fail(folder.error());
  Problems problems;
  const auto source = bind_file(session, options.file, options.reading, *folder, problems);
  if (!problems.empty()) return session.fail(problems);
  if (!source) return session.fail(source.error());
  const auto beginning = read_beginning(**source, options.rows);
  if (!beginning) return session.fail(beginning.error());
  if (options.json) {
    session.out(json_of(options.file, *beginning));
  } else {
    show(session, *beginning, options.columns);
  }
  return done;
}

}  // namespace

void add_preview(CLI::App& app, Session& session, Action& action) {
  CLI::App* verb = add_verb(app, "preview", "Show the first rows of a data file, and what was guessed of it and why",
                            "  trommel preview sales.csv\n"
                            "  trommel preview 'in/*.csv.gz' --rows 3 --columns\n"
                            "  trommel preview odd.txt -d '|' --in 'nulls=[NA, -]'\n"
                            "  curl … | trommel preview - --json");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->file, "File, glob, or - for standard input")->required()->type_name("");
  verb->add_option("-n,--rows", options->rows, "Rows shown")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000))
      ->type_name("N");
  verb->add_flag("--columns", options->columns,
                 "A line for each column and its first values; the default where rows are wider than the terminal");
  verb->add_flag("--json", options->json, "As one JSON object");
  add_file_options(*verb, options->reading);
  verb->callback([&session, &action, options] { action = [&session, options] { return preview(session, *options); }; });
}

}  // namespace trommel::cli
