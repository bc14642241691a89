// Rejects out to a file that a person edits, and back into the pipeline.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "cli/data_file.h"
#include "cli/reading.h"
#include "cli/rejects.h"
#include "cli/rows.h"
#include "cli/running.h"
#include "cli/scratch.h"
#include "config/parts.h"
#include "engine/mend.h"
#include "engine/replay.h"
#include "telemetry/numbers.h"

namespace trommel::cli {

namespace {

constexpr size_t kAtOnce = 50'000;         // rejects that are held in memory, and come back in one epoch
constexpr size_t kBytesAtOnce = 64 << 20;  // likewise

using Answers = std::map<std::string, RejectSheet::Answer>;  // rows of an edited export, by id

/// The rejects that are there, a lot at a time.
class Gathering {
 public:
  Gathering(Session& session, const Pipeline& pipeline, Chosen chosen)
      : session_(session), pipeline_(pipeline), chosen_(std::move(chosen)) {}

  /// The next of them that can come back; the same is never given twice. `mended`: those that are given anew.
  Result<std::vector<Reject>> next(const Answers* mended) {
    ASSIGN(const auto done, replayed_ids(session_.env, pipeline_.settings.state));
    std::vector<Reject> out;
    size_t bytes = 0;
    TRY(for_each_reject(session_.env, pipeline_.settings.state, [&](const Reject& reject) {
      if (!chosen_.has(reject) || tried_.contains(reject.id) || given_.contains(reject.replays)) return true;
      if (mended != nullptr && !mended->contains(reject.id)) return true;
      tried_.insert(reject.id);
      if (done.contains(reject.id)) {
        ++replayed;
        return true;
      }
      if (std::string why = why_not_replayed(reject, pipeline_, mended != nullptr); !why.empty()) {
        left[std::move(why)] += reject.rows;
        return true;
      }
      bytes += reject.raw.size() + reject.row.size();
      given_.insert(reject.id);
      out.push_back(reject);
      return out.size() < kAtOnce && bytes < kBytesAtOnce;
    }));
    return out;
  }
  bool knows(const std::string& id) const { return tried_.contains(id); }

  int64_t replayed = 0;                 ///< came back before
  std::map<std::string, int64_t> left;  ///< rows that cannot, by why

 private:
  Session& session_;
  const Pipeline& pipeline_;
  const Chosen chosen_;
  std::set<std::string> tried_;  ///< looked at; of these given out: what is refused again waits for the next time
  std::set<std::string> given_;
};

void tell_left(Session& session, const std::map<std::string, int64_t>& left) {
  for (const auto& [why, rows] : left) session.warn(fmt::format("{} left alone: {}", rows_text(rows), why));
}

// ---- an edited export ------------------------------------------------------------------------------------------

bool is_json(const std::string& path) { return path.ends_with(".jsonl") || path.ends_with(".json"); }

Result<> add_answer(Answers& answers, RejectSheet::Answer answer, const std::string& where) {
  const auto id = answer.find("reject_id");
  if (id == answer.end() || !id->second)
    return config_error(where, "there is no column `reject_id`", "`trommel rejects export` writes such files");
  if (!is_reject_id(*id->second))
    return data_error(where, "`" + *id->second + "` is not the id of a reject", "leave that column as it was");
  const std::string key = *id->second;
  if (!answers.emplace(key, std::move(answer)).second)
    return data_error(where, "reject " + key + " stands there twice", "a reject is one row");
  return {};
}

/// As spreadsheets leave it: with whatever delimiter and encoding. All columns are text.
Result<> read_edited_csv(Session& session, const std::string& path, Answers& answers) {
  const ScratchFolder scratch(session.env);
  ASSIGN(const std::string folder, scratch.path());
  Problems problems;
  ASSIGN(auto source, bind_file(session, path, {}, folder, problems));
  if (problems.empty()) {
    Contract text;
    for (const auto& field : source->schema()->fields()) {
      ContractColumn column;
      column.name = field->name();
      column.type = text_type();
      text.columns.push_back(std::move(column));
    }
    ASSIGN(source, bind_file(session, path, {}, folder, problems, text));
  }
  if (!problems.empty()) return config_error(path, problems.text());
  SourceRows rows(*source);
  for (;;) {
    ASSIGN(const Rows some, rows.next());
    if (!some) break;
    TRY(for_each_answer(*some,
                        [&](RejectSheet::Answer answer) { return add_answer(answers, std::move(answer), path); }));
  }
  if (rows.unread.empty()) return {};
  return data_error(rows.unread.front().place, rows.unread.front().reason,
                    "mend the line; quotes around a field keep its commas and line ends");
}

Result<> read_edited_json(Session& session, const std::string& path, Answers& answers) {
  ASSIGN(const std::string text, session.env.read_text(path, int64_t{1} << 30));
  int64_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{} line {}", path, number);
    ASSIGN(auto answer, answer_of_json(line, where));
    TRY(add_answer(answers, std::move(answer), where));
  }
  return {};
}

// ---- verbs -----------------------------------------------------------------------------------------------------

/// What a verb works on, once all that was typed has been looked at.
struct Work {
  Pipeline pipeline;
  Chosen chosen;
  std::vector<std::string> files;
};

/// The exit code where it cannot be.
std::optional<int> begin(Session& session, const RejectOptions& options, Work& work) {
  session.set_variables(options.variables);
  if (!options.of.ends_with(".yaml") && !options.of.ends_with(".yml"))
    return session.wrong("`" + options.of + "` is no pipeline file",
                         "rejects go back through the pipeline: name its file");
  Problems problems;
  work.pipeline = session.load(options.of, problems);
  if (!problems.empty()) return session.fail(problems);
  auto chosen = chosen_by(options, session.env.now_us(), work.files);
  if (!chosen) return session.fail(chosen.error());
  work.chosen = std::move(*chosen);
  return std::nullopt;
}

std::string select_where(const std::string& condition) { return "SELECT * FROM rejects WHERE (" + condition + "\n)"; }

Result<int64_t> write_export(Session& session, const Work& work, const std::string& path, const std::string& where,
                             Gathering& gathering) {
  ASSIGN(auto source_rows, rejected_source_rows(session.env, work.pipeline.settings.state));
  Recalling recalling(work.pipeline, session.components, session.env, std::move(source_rows));
  std::string text;
  ASSIGN(auto rejects, gathering.next(nullptr));
  auto count = static_cast<int64_t>(rejects.size());
  ASSIGN(auto sheet, RejectSheet::make(std::move(rejects), recalling));
  if (!where.empty()) {
    TRY(mend_by_sql(sheet, select_where(where)));
    rejects = sheet.mended();
    count = static_cast<int64_t>(rejects.size());
    ASSIGN(sheet, RejectSheet::make(std::move(rejects), recalling));
  }
  if (is_json(path)) {
    text = sheet.json_lines();
  } else {
    const Rows rows = sheet.rows();
    text = csv_head(*rows->schema()) + csv_lines(*rows);
  }
  if (path == "-") {
    session.out(text);
    return count;
  }
  TRY(session.env.make_directories(folder_of(path)));
  TRY(session.env.write_text(path, text));
  return count;
}

class Replaying {
 public:
  Replaying(Session& session, Work& work, const RejectOptions& options)
      : session_(session), work_(work), options_(options), gathering_(session, work.pipeline, work.chosen) {}

  int go() {
    if (!work_.files.empty()) {
      const std::string& path = work_.files.front();
      auto read = is_json(path) ? read_edited_json(session_, path, edited_) : read_edited_csv(session_, path, edited_);
      if (!read) return session_.fail(read.error());
    }
    int code = done;
    for (;;) {
      auto more = round(code);
      if (!more) return session_.fail(more.error());
      if (!*more || code != done) break;
    }
    return code == done ? conclude() : code;
  }

 private:
  bool has_export() const { return !work_.files.empty(); }

  /// One epoch of rejects. False: there are no more.
  Result<bool> round(int& code) {
    ASSIGN(auto rejects, gathering_.next(has_export() ? &edited_ : nullptr));
    if (rejects.empty()) return false;
    ASSIGN(auto source_rows, rejected_source_rows(session_.env, work_.pipeline.settings.state));
    const std::string sql = options_.where.empty() ? options_.sql : select_where(options_.where);
    if (has_export() || !sql.empty()) {
      Recalling recalling(work_.pipeline, session_.components, session_.env, source_rows);
      ASSIGN(auto sheet, RejectSheet::make(std::move(rejects), recalling));
      TRY(has_export() ? take_edited(sheet) : mend_by_sql(sheet, sql));
      rejects = sheet.mended();
      unchanged_ += sheet.unchanged();
    }
    if (rejects.empty()) return true;
    const auto count = static_cast<int64_t>(rejects.size());
    Replay replay(std::move(rejects), std::move(source_rows));
    RunningOptions running;
    running.once = true;
    running.replay = &replay;
    running.json = options_.json;
    code = run_in_sight(session_, work_.pipeline, running);
    for (const Replay::LeftAlone& one : replay.left_alone()) {
      if (++left_alone_ <= 10) session_.warn(fmt::format("{} ({}) left alone: {}", one.place, one.id, one.why));
    }
    if (code == done) came_back_ += count - static_cast<int64_t>(replay.left_alone().size());
    return true;
  }

  Result<> take_edited(RejectSheet& sheet) {
    for (const auto& [id, answer] : edited_) TRY(sheet.take(answer, {.all = false, .keep_lost = true}));
    return {};
  }

  int conclude() {
    for (const std::string& id : work_.chosen.ids) note_unknown(id);
    for (const auto& [id, answer] : edited_) note_unknown(id);
    if (unknown_ > 0) session_.warn(rejects_text(unknown_) + " not found: wrong pipeline, or no longer kept");
    if (gathering_.replayed > 0) session_.note(fmt::format("{} already replayed", rejects_text(gathering_.replayed)));
    if (unchanged_ > 0)
      session_.note(fmt::format("{} left alone: nothing was changed about {} in {}", rejects_text(unchanged_),
                                unchanged_ == 1 ? "it" : "them", work_.files.front()));
    tell_left(session_, gathering_.left);
    if (left_alone_ > 0) session_.warn(rejects_text(left_alone_) + " left alone, and still there to be mended");
    session_.note(came_back_ == 0 ? "nothing to replay" : rejects_text(came_back_) + " replayed");
    const bool stuck = came_back_ == 0 && (left_alone_ > 0 || unknown_ > 0 || !gathering_.left.empty());
    return stuck ? refused : done;
  }

  void note_unknown(const std::string& id) {
    if (!gathering_.knows(id)) ++unknown_;
  }

  Session& session_;
  Work& work_;
  const RejectOptions& options_;
  Gathering gathering_;
  Answers edited_;
  int64_t came_back_ = 0, left_alone_ = 0, unchanged_ = 0, unknown_ = 0;
};

}  // namespace

int export_rejects(Session& session, const RejectOptions& options) {
  Work work;
  if (const auto code = begin(session, options, work)) return *code;
  Gathering gathering(session, work.pipeline, work.chosen);
  const auto count = write_export(session, work, options.out, options.where, gathering);
  if (!count) return session.fail(count.error());
  if (gathering.replayed > 0) session.note(rejects_text(gathering.replayed) + " already replayed, and left out");
  tell_left(session, gathering.left);
  session.note(fmt::format("{}: {}", options.out == "-" ? "standard output" : options.out, rejects_text(*count)));
  if (static_cast<size_t>(*count) == kAtOnce)
    session.note("there may be more: mend these and replay them, then export again");
  return done;
}

int replay_rejects(Session& session, const RejectOptions& options) {
  Work work;
  if (const auto code = begin(session, options, work)) return *code;
  if (work.files.size() > 1) return session.wrong("two edited exports", "replay one after the other");
  if (!work.files.empty() && !(options.sql.empty() && options.where.empty()))
    return session.wrong("rows are mended by an edited export or by SQL, not by both");
  // Rows that are refused again are rejects again: without a budget they do not keep the others back.
  RejectBudget budget;
  budget.rows = std::numeric_limits<int64_t>::max();
  if (!options.max_rejects.empty()) budget = *parse_reject_budget(options.max_rejects);
  work.pipeline.settings.max_rejects = budget;
  for (Part& source : work.pipeline.sources) source.max_rejects.reset();
  return Replaying(session, work, options).go();
}

}  // namespace trommel::cli
