// Rejects as rows of text that people and SQL can mend, and back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "component/component.h"
#include "config/pipeline.h"
#include "engine/rejects.h"

namespace trommel {

/// The sources of a pipeline, bound to read single records of inputs that may be gone.
class Recalling {
 public:
  Recalling(const Pipeline& pipeline, const Components& components, Env& env, SourceRows rows)
      : pipeline_(pipeline), components_(components), env_(env), rows_(std::move(rows)) {}
  /// How the records of a reject were read; null where that is not known.
  Result<const RecalledFormat*> of(const Reject& reject);

 private:
  Result<std::shared_ptr<Source>> bind(const std::string& name) const;

  const Pipeline& pipeline_;
  const Components& components_;
  Env& env_;
  const SourceRows rows_;
  std::map<std::string, std::shared_ptr<Source>> sources_;
  std::map<std::pair<std::string, std::string>, RecalledFormat> formats_;  ///< by source and facts
};

/// Rejects as a table, all of it text: `reject_id`, `reject_stage`, `reject_reason`, `reject_file`, `reject_line`,
/// `reject_raw` (what a source refused, as it came), and then the row's own columns. A row that a source refused has
/// columns too, where its bytes can be cut into them.
class RejectSheet {
 public:
  static Result<RejectSheet> make(std::vector<Reject> rejects, Recalling& recalling);

  Rows rows() const;
  /// One object a line: `{"reject_id": ..., "row": {...}}`.
  std::string json_lines() const;

  /// A row of the table as it came back, by column; nothing: NULL.
  using Answer = std::map<std::string, std::optional<std::string>>;
  struct Mending {
    bool all = true;         ///< rows that nothing was changed about come back too
    bool keep_lost = false;  ///< a column that is not there any more has not changed, rather than gone
  };
  /// Takes a row of an edited table. What cannot be is an error that names the row.
  Result<> take(const Answer& answer, const Mending& how);
  /// The rejects that rows were taken for, as they are to come back.
  std::vector<Reject> mended() const;
  int64_t unchanged() const { return unchanged_; }  ///< taken, and left out since nothing was changed about them

 private:
  struct Line {
    Reject reject;
    const RecalledFormat* format = nullptr;  ///< of one that a source refused the bytes of
    std::optional<std::string> raw;          ///< as shown; nothing: it is a row of a later stage
    bool raw_exact = true;                   ///< else bytes that are no UTF-8 are shown as U+FFFD
    Answer columns;
    std::vector<std::string> order;  ///< of the columns
    bool seen = false, comes_back = false;
  };
  static Result<> fill_columns(Line& line);
  Result<> change_bytes(Line& line, const Answer& answer, const std::set<std::string>& changed) const;
  static void change_values(Line& line, const Answer& answer, const std::set<std::string>& changed, bool keep_lost);

  std::vector<Line> lines_;
  std::vector<std::string> names_;  ///< of all columns, as they come up
  std::map<std::string, size_t> places_;
  int64_t unchanged_ = 0;
};

/// Reads a table of text as `take` wants it, whatever the types of its columns are by now.
Result<> for_each_answer(const arrow::RecordBatch& rows,
                         const std::function<Result<>(const RejectSheet::Answer&)>& each);

/// The line of an export in JSON lines.
Result<RejectSheet::Answer> answer_of_json(std::string_view line, const std::string& where);

/// What `sql` makes of the sheet, which stands under the name `rejects`.
Result<> mend_by_sql(RejectSheet& sheet, const std::string& sql);

}  // namespace trommel
