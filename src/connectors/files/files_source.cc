#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "component/columns.h"
#include "connectors/files/dated_path.h"
#include "connectors/files/drops.h"
#include "connectors/files/file_formats.h"
#include "connectors/files/files.h"
#include "connectors/files/input_file.h"
#include "connectors/files/source_config.h"
#include "spec/merge.h"

namespace trommel {

namespace {

constexpr size_t sampled_well_max = 20;       ///< files that are sampled in full when a pipeline is bound
constexpr size_t sampled_lightly_max = 1000;  ///< then so many by their first bytes; others when they are opened
constexpr size_t notes_max = 20;

/// Tells an error while reading apart from a file that somebody changes meanwhile.
class WatchedReader : public Reader {
 public:
  WatchedReader(Env& env, InputFile input, std::unique_ptr<Reader> reader)
      : env_(env), input_(std::move(input)), reader_(std::move(reader)) {}

  Result<Piece> read() override {
    auto piece = reader_->read();
    if (!piece || piece->then == Next::ended) TRY(check_unchanged(env_, input_));
    return piece;
  }

 private:
  Env& env_;
  InputFile input_;
  std::unique_ptr<Reader> reader_;
};

class FilesSource : public Source {
 public:
  FilesSource(const std::vector<FormatKind>& formats, FilesConfig config, Node settings,
              std::optional<Contract> contract, const BindContext& context)
      : formats_(*context.env, formats, config.format, settings),
        dated_(dated_paths(config, context.folder)),
        days_(context.days),
        config_(with_globs(std::move(config))),
        settings_(std::move(settings)),
        contract_(std::move(contract)),
        evolve_(config_.evolve),
        columns_path_(
            context.state_folder.empty() ? "" : fmt::format("{}/columns/{}.json", context.state_folder, context.name)),
        env_(*context.env),
        folder_(context.folder),
        spool_folder_(context.state_folder + "/input"),
        block_bytes_(context.memory.block),
        recalls_(context.recalls),
        as_you_go_(context.as_you_go),
        drops_(config_, {&env_, folder_, name_of(context.state_folder), context.epoch_hint}),
        rows_(context.recalls ? context.recalled_schema : nullptr) {}

  Result<> bind(Problems& problems) {
    if (days_ && !std::all_of(dated_.begin(), dated_.end(), [](const DatedPath& path) { return path.dated(); })) {
      const Node* node = settings_.find("path");
      problems.add(node ? node->place : settings_.place, "the path does not say where the day of a file stands",
                   "such as in/{date:%Y-%m-%d}.csv");
      return {};
    }
    if (!formats_.check(problems)) return {};
    if (evolve_ && contract_) {
      const Node* node = settings_.find("evolve");
      problems.add(node ? node->place : settings_.place, "a contract says itself what a difference does",
                   "`extra` and `missing` in the contract; or leave out `evolve`");
      return {};
    }
    if (evolve_ && !columns_path_.empty()) earlier_ = read_earlier_columns(env_, columns_path_);
    if (earlier_ && evolve_ == Evolve::ignore) contract_ = contract_of(*earlier_);
    if (recalls_ && rows_ && contract_ && contract_->extra == ExtraColumns::keep) {
      if (auto kept = unify_columns({{config_.path.front(), rows_, true}}, *contract_)) {
        rows_ = std::move(kept->rows);
        return {};
      }
    }
    if ((config_.watch || recalls_) && contract_) return bind_without_files(problems);
    if (recalls_ && rows_) return {};
    TRY(scan());
    const std::vector<std::string> chosen = chosen_for_sampling();
    std::vector<const SpecInfo*> specs;
    for (const std::string& id : chosen) TRY(choose_kind(known_.at(id)));
    for (const auto& [id, known] : known_) {
      if (known.kind && std::find(specs.begin(), specs.end(), known.kind->spec) == specs.end())
        specs.push_back(known.kind->spec);
    }
    if (settings_.is_map())
      check_spec_keys(merged_spec(FilesConfig::spec().info(), specs), settings_, "files", problems);
    if (!problems.empty()) return {};
    for (const std::string& id : chosen) {
      TRY(look(known_.at(id), problems));
      if (!problems.empty()) return {};
    }
    TRY(unify());
    if (config_.watch) forget_files();
    return {};
  }

  Result<std::vector<Split>> discover() override {
    const std::lock_guard lock(mutex_);
    TRY(config_.watch ? look_for_drops() : scan());
    std::vector<Split> out;
    for (const std::string& id : order_) out.push_back(known_.at(id).input.split);
    return out;
  }

  Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, Position at) override {
    const std::lock_guard lock(mutex_);
    read_ = true;
    auto found = known_.find(split->id);
    if (found == known_.end()) {
      return external_error(split->name, "the file is gone or has changed since it was found",
                            "put it back, or start again with --reset");
    }
    Known& known = found->second;
    if (known.input.broken) return tl::unexpected(*known.input.broken);
    TRY(look_late(known));
    if (known.input.pipe && !known.kind->needs_random && !guessed()) known.input.pipe->forget();
    ASSIGN(auto reader, formats_.open(*known.kind, *known.format, known.input, std::move(split), at, block_bytes_));
    return std::make_unique<WatchedReader>(env_, known.input, std::move(reader));
  }

  Result<> durable(std::span<const Delivered> delivered) override {
    const std::lock_guard lock(mutex_);
    TRY(drops_.durable(delivered, finder()));
    // Not after a crash, when rows of an earlier run are published: its columns are not these.
    if (evolve_ && read_ && !recalls_ && !(earlier_ && contract_))
      TRY(write_earlier_columns(env_, columns_path_, {rows_, null_markers()}));
    if (!config_.watch) return {};
    for (const Delivered& one : delivered) {
      if (one.ended) known_.erase(one.split.id);
    }
    return {};
  }
  void release(std::span<const Split> splits) override {
    const std::lock_guard lock(mutex_);
    if (!config_.watch) return;
    drops_.release(splits, finder());
    for (const Split& split : splits) known_.erase(split.id);
  }
  bool endless() const override { return config_.watch; }
  bool expects_more() const override { return drops_.expects_more(); }
  bool refuses_whole() const override { return config_.rejects.whole_file.has_value(); }
  int64_t remembers_content_us() const override {
    return config_.same_content == SameContent::skip ? config_.remember.us : 0;
  }
  Growth growth() const override { return {evolve_ >= Evolve::add && !contract_, evolve_ == Evolve::widen}; }
  bool names_hold_days() const override {
    return std::all_of(dated_.begin(), dated_.end(), [](const DatedPath& path) { return path.in_name(); });
  }
  std::vector<std::string> news() override {
    std::vector<std::string> out = drops_.news();
    std::move(news_.begin(), news_.end(), std::back_inserter(out));
    news_.clear();
    return out;
  }

  Result<RecalledFormat> recall(const std::string& facts) override { return formats_.recall(facts, rows_, contract_); }

  Schema schema() const override { return rows_; }
  bool guessed() const override { return !contract_ && !config_.watch && !as_you_go_; }

  Result<> widen(std::span<const Misfit> misfits) override {
    const std::lock_guard lock(mutex_);
    for (const std::string& id : order_) {
      Known& known = known_.at(id);
      TRY(look_late(known));
      if (known.kind->needs_random) continue;
      ASSIGN(auto stream, open_input(env_, known.input, 0));
      TRY(known.format->widen(std::move(stream)));
    }
    const Schema before = rows_;
    TRY(unify());
    // A type that did not hold a value and is still the same (a large integer beside doubles): text holds everything.
    for (const Misfit& misfit : misfits) {
      const auto now = rows_->GetFieldByName(misfit.column);
      const auto then = before->GetFieldByName(misfit.column);
      if (now && then && same_type(*now->type(), *then->type())) as_text_.push_back(misfit.column);
    }
    return as_text_.empty() ? Result<>{} : unify();
  }

  std::vector<std::string> null_markers() const override {
    std::vector<std::string> out;
    for (const auto& [id, known] : known_) {
      if (!known.format) continue;
      for (std::string& marker : known.format->null_markers()) {
        if (std::find(out.begin(), out.end(), marker) == out.end()) out.push_back(std::move(marker));
      }
    }
    return out;
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> out;
    std::vector<std::pair<std::string, std::vector<std::string>>> by_note;
    for (const std::string& id : order_) {
      const Known& known = known_.at(id);
      const std::string& name = known.input.split.name;
      if (known.input.pipe && guessed())
        out.push_back(name + ": kept in " + spool_folder_ + " while it is read, since its types are guesses");
      if (!known.format) continue;
      for (std::string& note : known.format->notes()) {
        const auto same =
            std::find_if(by_note.begin(), by_note.end(), [&](const auto& entry) { return entry.first == note; });
        if (same == by_note.end()) {
          by_note.push_back({std::move(note), {name}});
        } else {
          same->second.push_back(name);
        }
      }
    }
    for (const auto& [note, files] : by_note) {
      std::string which = files.front();
      if (files.size() > 1) which += fmt::format(" and {} more", files.size() - 1);
      out.push_back(which + ": " + note);
    }
    out.insert(out.end(), notes_.begin(), notes_.end());
    if (out.size() > notes_max) {
      const size_t more = out.size() - notes_max;
      out.resize(notes_max);
      out.push_back(fmt::format("and {} notes more", more));
    }
    return out;
  }

 private:
  struct Known {
    InputFile input;
    const FormatKind* kind = nullptr;
    std::shared_ptr<FileFormat> format;
    bool light = false;  ///< to be sampled by its first bytes only
  };

  /// A contract says which columns will come, before there is any file.
  Result<> bind_without_files(Problems& problems) {
    if (settings_.is_map())
      check_spec_keys(merged_spec(FilesConfig::spec().info(), formats_.specs()), settings_, "files", problems);
    return problems.empty() ? unify() : Result<>{};
  }

  /// What the types were guessed from has not been taken yet.
  void forget_files() {
    known_.clear();
    order_.clear();
  }

  Result<> look_for_drops() {
    ASSIGN(auto found, drops_.look());
    order_.clear();
    for (InputFile& input : found) {
      const std::string id = input.split.id;
      order_.push_back(id);
      known_.try_emplace(id, Known{std::move(input), nullptr, nullptr, true});
    }
    return {};
  }

  Drops::Find finder() const {
    return [this](const std::string& id) -> const InputFile* {
      const auto found = known_.find(id);
      return found == known_.end() ? nullptr : &found->second.input;
    };
  }

  /// Looks for files; those known already stay as they are.
  Result<> scan() {
    const FindInputs where{&env_, folder_, spool_folder_, config_.packing(), &pipes_};
    std::vector<InputFile> found;
    std::set<schedule::Day> seen;
    for (size_t i = 0; i < config_.path.size(); ++i) {
      ASSIGN(auto inputs, find_inputs(where, config_.path[i]));
      if (inputs.empty()) return no_match(config_.path[i]);
      if (dated_[i].dated()) keep_days(dated_[i], inputs, seen);
      std::move(inputs.begin(), inputs.end(), std::back_inserter(found));
    }
    if (days_ && found.empty()) {
      return external_error(joined(config_.path, ", "),
                            fmt::format("no file is of a day from {} to {}", schedule::day_text(days_->first),
                                        schedule::day_text(days_->last)));
    }
    if (days_ && !std::exchange(told_missing_, true)) {
      if (std::string missing = missing_days(*days_, seen); !missing.empty()) news_.push_back(std::move(missing));
    }
    order_.clear();
    std::map<std::string, Known> now;
    for (InputFile& input : found) {
      const std::string id = input.split.id;
      if (now.contains(id)) continue;  // two patterns found it
      order_.push_back(id);
      const auto before = known_.find(id);
      now[id] = before == known_.end() ? Known{std::move(input), nullptr, nullptr, false} : std::move(before->second);
    }
    known_ = std::move(now);
    return {};
  }

  static std::vector<DatedPath> dated_paths(const FilesConfig& config, const std::string& folder) {
    std::vector<DatedPath> out;
    for (const std::string& path : config.path) out.emplace_back(path == "-" ? path : join_path(folder, path));
    return out;
  }
  static FilesConfig with_globs(FilesConfig config) {
    for (std::string& path : config.path) path = DatedPath(path).glob();
    return config;
  }

  /// Takes out what is of no day, or of one that is not asked for.
  void keep_days(const DatedPath& path, std::vector<InputFile>& inputs, std::set<schedule::Day>& seen) const {
    const bool of_member = path.glob().find('!') != std::string::npos;
    std::erase_if(inputs, [&](const InputFile& input) {
      const bool member = of_member && input.member;
      const auto day = path.day_of(member ? input.file.path + "!" + input.member->name : input.file.path);
      if (day) seen.insert(*day);
      return !day || (days_ && !days_->has(*day));
    });
  }

  tl::unexpected<Error> no_match(const std::string& pattern) const {
    const std::string path = join_path(folder_, pattern);
    std::string folder = folder_of(path);
    while (folder.find_first_of("*?[{") != std::string::npos || !env_.exists(folder)) {
      const std::string above = folder_of(folder);
      if (above == folder) break;
      folder = above;
    }
    std::vector<std::string> names;
    if (const auto entries = env_.list(folder)) {
      for (const FileInfo& entry : *entries) names.push_back(name_of(entry.path) + (entry.is_directory ? "/" : ""));
    }
    const std::string near = did_you_mean(name_of(path), names);
    if (names.size() > 8) {
      names.resize(8);
      names.push_back("...");
    }
    const std::string hint = !near.empty()   ? "did you mean " + near + "?"
                             : names.empty() ? folder + " is empty"
                                             : folder + " holds " + joined(names, ", ");
    return external_error(pattern, "no file matches " + path, hint);
  }

  /// Spread over the list, so that files that differ by date or place all have their say.
  std::vector<std::string> chosen_for_sampling() {
    const size_t well = std::min(order_.size(), sampled_well_max);
    const size_t all = std::min(order_.size(), sampled_lightly_max);
    std::vector<size_t> picked;
    for (size_t i = 0; i < all; ++i) picked.push_back(all == 1 ? 0 : i * (order_.size() - 1) / (all - 1));
    std::vector<std::string> out;
    for (size_t i = 0; i < picked.size(); ++i) {
      out.push_back(order_[picked[i]]);
      // Of each stretch of picked files, the first is sampled well.
      known_.at(out.back()).light = i != 0 && i * well / all == (i - 1) * well / all;
    }
    return out;
  }

  Result<> choose_kind(Known& known) {
    if (known.kind) return {};
    ASSIGN(known.kind, formats_.kind_of(known.input));
    return {};
  }

  Result<> look(Known& known, Problems& problems) {
    if (known.format) return {};
    TRY(choose_kind(known));
    ASSIGN(known.format,
           formats_.look(*known.kind, known.input, known.light ? light_sample : SampleSize{}, contract_, problems));
    return {};
  }

  /// A file that was not looked at when the pipeline was bound must fit what was found out then.
  Result<> look_late(Known& known) {
    if (known.format) return {};
    if (refuses_whole() && known.input.split.size == 0)
      return data_error(known.input.split.name, "the file is empty: there is not even a header");
    Problems problems;
    TRY(look(known, problems));
    const std::string& name = known.input.split.name;
    if (!problems.empty()) return config_error(name, problems.text());
    const FileColumns columns{name, known.format->schema(), known.format->all_as_text()};
    if (contract_) {
      TRY(unify_columns({columns}, *contract_));
    } else if (const auto extra = match_columns(*rows_, *columns.schema).extra; !extra.empty()) {
      return data_error(name, "it has columns that no file had when the pipeline was bound: " + joined(extra, ", "),
                        "give a contract that names them");
    }
    return retarget(known);
  }

  Result<> unify() {
    std::vector<FileColumns> columns;
    for (const std::string& id : order_) {
      const Known& known = known_.at(id);
      if (known.format)
        columns.push_back({known.input.split.name, known.format->schema(), known.format->all_as_text()});
    }
    ASSIGN(auto unified, contract_ ? unify_columns(columns, *contract_) : unify_columns(columns));
    if (earlier_ && !columns.empty()) TRY(evolve(columns, unified));
    if (unified.rows->num_fields() == 0) {
      return data_error(joined(config_.path, ", "), "no columns: there is nothing in these files",
                        "a contract names the columns that they would have");
    }
    rows_ = std::move(unified.rows);
    notes_ = std::move(unified.notes);
    for (const std::string& column : as_text_) {
      const int at = rows_->GetFieldIndex(column);
      if (at >= 0) rows_ = *rows_->SetField(at, rows_->field(at)->WithType(arrow::utf8()));
    }
    for (auto& [id, known] : known_) {
      if (known.format) TRY(retarget(known));
    }
    return {};
  }

  /// Columns of earlier runs stay, with types that hold both.
  Result<> evolve(std::vector<FileColumns> columns, UnifiedColumns& unified) {
    ASSIGN(const auto now, unify_columns(columns));
    columns.insert(columns.begin(), {"earlier runs", earlier_->columns, true});
    ASSIGN(auto both, unify_columns(columns));
    const ColumnChanges changes = column_changes(*earlier_->columns, *now.rows, *both.rows);
    TRY(allow_changes(*evolve_, joined(config_.path, ", "), changes));
    if (!contract_) unified.rows = both.rows;
    if (std::exchange(told_changes_, !changes.none()) || changes.none()) return {};
    for (std::string& line : change_lines(changes, contract_.has_value())) news_.push_back(std::move(line));
    return {};
  }

  Result<> retarget(Known& known) {
    const ColumnMap map = match_columns(*rows_, *known.format->schema());
    return known.format->target(rows_, map.from_column, contract_, guessed());
  }

  const FileFormats formats_;
  const std::vector<DatedPath> dated_;  ///< by place in `config_.path`
  const std::optional<schedule::Days> days_;
  const FilesConfig config_;
  const Node settings_;
  std::optional<Contract> contract_;
  const std::optional<Evolve> evolve_;
  const std::string columns_path_;
  Env& env_;
  const std::string folder_;
  const std::string spool_folder_;
  const int64_t block_bytes_;
  const bool recalls_;    ///< nothing is read but single records
  const bool as_you_go_;  ///< rows are published before the last is seen
  Drops drops_;
  std::mutex mutex_;  ///< lanes open splits at the same time
  std::map<std::string, std::vector<InputFile>> pipes_;
  std::map<std::string, Known> known_;
  std::vector<std::string> order_;  ///< ids as the paths stand in order
  Schema rows_;
  std::vector<std::string> notes_, news_;
  bool told_missing_ = false, told_changes_ = false;
  std::optional<EarlierColumns> earlier_;  ///< of runs before this one, with `evolve`
  bool read_ = false;                      ///< something was opened
  std::vector<std::string> as_text_;       ///< columns that no narrower type was right for
};

Result<std::shared_ptr<Source>> make_source(FilesConfig config, const FileSourceSettings& of, Problems& found) {
  if (!found.empty()) return std::shared_ptr<Source>();
  auto source = std::make_shared<FilesSource>(of.formats, std::move(config), of.settings, of.contract, of.context);
  TRY(source->bind(found));
  return std::shared_ptr<Source>(std::move(source));
}

}  // namespace

SourceKind files_source(std::vector<FormatKind> formats) { return source_of_files(std::move(formats), make_source); }

}  // namespace trommel
