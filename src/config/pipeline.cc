#include "config/pipeline.h"

#include <algorithm>
#include <charconv>

#include "config/parts.h"
#include "config/stores.h"

namespace trommel {

namespace {

/// One name is one part, whatever its kind: `from` and SQL know parts by name alone.
class Names {
 public:
  /// The name to go on with: another one where it is taken, so that nothing is said of the wrong part.
  std::string add(const std::string& name, const std::string& kind, const Place& place, Problems& problems) {
    if (!is_part_name(name)) {
      problems.add(place, "`" + name + "` cannot be a name", "letters, digits and _, beginning with a letter");
    }
    const auto [first, is_new] = kinds_.emplace(name, kind);
    if (is_new) return name;
    problems.add(place, "the name `" + name + "` is used twice", "there is a " + first->second + " of that name");
    return name + " (" + std::to_string(++taken_ + 1) + ")";
  }

 private:
  static bool is_part_name(const std::string& name) {
    const auto letter = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
    };
    return !name.empty() && letter(name[0]) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
  }

  std::map<std::string, std::string> kinds_;
  int taken_ = 0;
};

/// Reads the parts of one pipeline file; holds what all of them need.
class Loader {
 public:
  Loader(Env& env, const Variables& variables, const std::map<std::string, std::vector<std::string>>& known,
         Problems& problems)
      : env_(env), variables_(variables), known_(known), problems_(problems) {}

  Pipeline load(const std::string& path) {
    pipeline_.file = path;
    pipeline_.folder = folder_of(path);
    pipeline_.name = stem_of(path);
    const Node root = load_yaml(env_, path, variables_, problems_);
    if (root.place.line == 0 || (root.is_null() && !problems_.empty())) return std::move(pipeline_);
    const PipelineText text = PipelineText::spec().parse(root, problems_, "pipeline");
    read_settings(text, root);
    read_stores(text.stores);
    for (const auto& source : text.sources) pipeline_.sources.push_back(read_source(source, "source"));
    for (const auto& table : text.tables) pipeline_.tables.push_back(read_source(table, "table"));
    for (const auto& transform : text.transforms) pipeline_.transforms.push_back(read_transform(transform));
    for (const auto& sink : text.sinks) pipeline_.sinks.push_back(read_sink(sink));
    read_views(text.views);
    read_endpoints(text.endpoints);
    return std::move(pipeline_);
  }

 private:
  const std::vector<std::string>& known(const std::string& section) const {
    static const std::vector<std::string> nothing;
    const auto found = known_.find(section);
    return found == known_.end() ? nothing : found->second;
  }

  void read_settings(const PipelineText& text, const Node& root) {
    if (text.name && !root.find("name")->unknown) {
      const bool plain = std::all_of(text.name->begin(), text.name->end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.';
      });
      if (plain && !text.name->empty() && (*text.name)[0] != '.') {
        pipeline_.name = *text.name;
      } else {
        problems_.add(root.find("name")->place, "`" + *text.name + "` cannot name a pipeline",
                      "letters, digits, _, - and . ; folders are named after it");
      }
    }
    PipelineSettings& settings = pipeline_.settings;
    settings.memory_bytes = text.memory ? text.memory->bytes : 0;
    settings.lanes = text.lanes.value_or(0);
    settings.max_rejects = text.max_rejects;
    settings.ordered = text.ordered;
    settings.publish = text.publish;
    settings.commit = {text.commit.every.us, text.commit.rows, text.commit.bytes.bytes};
    if (text.schedule) {
      Problems told;  // by the Spec's own check
      settings.schedule = read_schedule(*text.schedule, *root.find("schedule"), told);
    }
    settings.rejects = {text.rejects.max_age.us, text.rejects.max_size.bytes};
    settings.retry = {text.retry.for_ ? text.retry.for_->us : -1, text.retry.pause.us};
    settings.spool = {text.spool.max.bytes};
    if (text.server) settings.server = read_server(*text.server, pipeline_.folder);
    settings.state = join_path(pipeline_.folder, text.state ? text.state->text : ".trommel/" + pipeline_.name);
    settings.log.format = text.log.format;
    settings.log.max_bytes = text.log.max_size.bytes;
    settings.log.keep = text.log.keep;
    if (text.log.file && text.log.file->text != "-")
      settings.log.file = join_path(pipeline_.folder, text.log.file->text);
  }

  // ---- stores ----

  StoreReader store_reader() { return {env_, variables_, pipeline_.folder, known("stores"), problems_}; }

  void read_stores(const Pairs<Node>& stores) {
    for (const auto& store : stores) {
      names_of_stores_.push_back(store.key);
      stores_[store.key] = store_reader().read(store.key, store.value);
    }
  }

  struct NamedStore {
    std::string name;  ///< for people
    StoreAddress address;
  };

  /// What `store:` says: a name under `stores:`, or an address.
  NamedStore store_of(const Node& store) {
    if (!store.is_scalar() || store.unknown) return {};  // told already
    if (const auto named = stores_.find(store.scalar); named != stores_.end()) return {named->first, named->second};
    if (store.scalar.find(':') != std::string::npos)
      return {store.shown(), {store_reader().checked_address(store.scalar, store), {}}};
    const std::string near = did_you_mean(store.scalar, names_of_stores_);
    std::string hint = names_of_stores_.empty() ? "name it under `stores:`, or write an address such as duckdb:FILE"
                                                : "known: " + joined(names_of_stores_, ", ");
    if (!near.empty()) hint = "did you mean `" + near + "`?";
    problems_.add(store.place, "unknown store `" + store.shown() + "`", hint);
    return {};
  }

  /// Of a view or an endpoint, which need not name it where there is only one.
  NamedStore store_of(const Pair<Node>& text, const char* kind) {
    if (!text.value.is_map()) return {};  // told already
    if (const Node* store = text.value.find("store")) return store_of(*store);
    if (stores_.size() == 1) return {stores_.begin()->first, stores_.begin()->second};
    problems_.add(text.place, std::string(kind) + " `" + text.key + "` needs `store`",
                  stores_.empty() ? "name one under `stores:`" : "one of " + joined(names_of_stores_, ", "));
    return {};
  }

  // ---- views and endpoints ----

  void read_views(const Pairs<Node>& views) {
    for (const auto& text : views) {
      View view = read_view(text, problems_);
      view.name = names_.add(view.name, "view", text.place, problems_);
      const NamedStore store = store_of(text, "view");
      view.store_name = store.name;
      view.store = store.address.text;
      pipeline_.views.push_back(std::move(view));
    }
  }

  void read_endpoints(const Pairs<Node>& endpoints) {
    for (const auto& text : endpoints) {
      Endpoint endpoint = read_endpoint(text, problems_);
      const NamedStore store = store_of(text, "endpoint");
      endpoint.store_name = store.name;
      endpoint.store = store.address.text;
      pipeline_.endpoints.push_back(std::move(endpoint));
    }
  }

  // ---- parts ----

  Part new_part(const std::string& name, const std::string& kind, const Place& place) {
    Part part;
    part.name = names_.add(name, kind, place, problems_);
    part.place = part.from_place = place;
    return part;
  }

  Part read_source(const Pair<Node>& text, const std::string& kind) {
    Part part = new_part(text.key, kind, text.place);
    const auto found = SourceText::spec().parse(text.value, problems_, text.key);
    read_component(found.components, kind, known("sources"), SourceText::spec().info(), part, text.value);
    part.max_rejects = found.max_rejects;
    if (text.value.find("contract") != nullptr) read_contract(found.contract, part);
    return part;
  }

  Part read_transform(const Pair<Node>& text) {
    Part part = new_part(text.key, "transform", text.place);
    const auto found = TransformText::spec().parse(text.value, problems_, text.key);
    read_component(found.components, "transform", known("transforms"), TransformText::spec().info(), part, text.value);
    take_from(found.from, text.value, part);
    take_inner_from(part);
    return part;
  }

  Part read_sink(const Pair<Node>& text) {
    Part part = new_part(text.key, "sink", text.place);
    const auto found = SinkText::spec().parse(text.value, problems_, text.key);
    if (text.value.find("store") != nullptr) {
      read_store_sink(found, text.value, part);
    } else {
      read_component(found.components, "sink", known("sinks"), SinkText::spec().info(), part, text.value);
    }
    take_from(found.from, text.value, part);
    if (text.value.find("contract") != nullptr) read_contract(found.contract, part);
    return part;
  }

  static void take_from(const std::vector<std::string>& from, const Node& node, Part& part) {
    part.from = from;
    if (const Node* written = node.find("from")) part.from_place = written->place;
  }

  /// `clean: { from: drops, trim: true }` says the same as `from: drops` beside `clean:`.
  void take_inner_from(Part& part) {
    auto& entries = part.settings.entries;
    const auto inner =
        std::find_if(entries.begin(), entries.end(), [](const Node::Entry& entry) { return entry.name == "from"; });
    if (inner == entries.end()) return;
    if (!part.from.empty()) {
      problems_.add(inner->place, "`from` of `" + part.name + "` is written twice",
                    "beside `" + part.component + "` and in it");
    } else {
      Reads<std::vector<std::string>>::read(inner->value, "from", part.from, problems_);
      part.from_place = inner->value.place;
    }
    entries.erase(inner);
  }

  void read_store_sink(const SinkText& text, const Node& node, Part& part) {
    part.settings.kind = Node::Kind::map;
    part.settings.place = node.place;
    for (const auto& setting : text.components)
      part.settings.entries.push_back({setting.key, setting.place, setting.value});
    const NamedStore store = store_of(*node.find("store"));
    part.store_name = store.name;
    part.store = store.address.text;
    part.store_notes = store.address.notes;
    part.component = part.store.substr(0, part.store.find(':'));
  }

  void read_component(const Pairs<Node>& entries, const std::string& kind, const std::vector<std::string>& components,
                      const SpecInfo& info, Part& part, const Node& node) {
    const auto is_component = [&](const Pair<Node>& entry) {
      return std::find(components.begin(), components.end(), entry.key) != components.end();
    };
    const Pair<Node>* chosen = nullptr;
    for (const auto& entry : entries) {
      if (!is_component(entry)) continue;
      if (chosen != nullptr) {
        problems_.add(entry.place,
                      "`" + part.name + "` has two components, `" + chosen->key + "` and `" + entry.key + "`",
                      "one part is one component");
        continue;
      }
      chosen = &entry;
    }
    for (const auto& entry : entries) {
      if (!is_component(entry)) report_unknown(entry, kind, components, info, chosen != nullptr);
    }
    if (entries.empty() && (node.is_map() || node.is_null())) {
      problems_.add(part.place, kind + " `" + part.name + "` names no component", "one of " + joined(components, ", "));
    }
    if (chosen == nullptr) return;
    part.component = chosen->key;
    part.settings = chosen->value;
  }

  void report_unknown(const Pair<Node>& entry, const std::string& kind, const std::vector<std::string>& components,
                      const SpecInfo& info, bool has_component) {
    std::vector<std::string> keys;
    for (const FieldInfo& field : info.fields) keys.push_back(field.name);
    if (const std::string near = did_you_mean(entry.key, keys); !near.empty() || has_component) {
      problems_.add(
          entry.place, "unknown key `" + entry.key + "`",
          near.empty() ? "known beside the component: " + joined(keys, ", ") : "did you mean `" + near + "`?");
      return;
    }
    const std::string near = did_you_mean(entry.key, components);
    const std::string what = kind == "table" ? "source" : kind;
    problems_.add(entry.place, "unknown " + what + " `" + entry.key + "`",
                  near.empty() ? "known: " + joined(components, ", ") : "did you mean `" + near + "`?");
  }

  void read_contract(const Node& node, Part& part) {
    part.contract = load_contract(env_, pipeline_.folder, node, variables_, problems_, &part.contract_file);
  }

  Env& env_;
  const Variables& variables_;
  const std::map<std::string, std::vector<std::string>>& known_;
  Problems& problems_;
  Pipeline pipeline_;
  Names names_;
  std::vector<std::string> names_of_stores_;
  std::map<std::string, StoreAddress> stores_;
};

}  // namespace

std::string RejectBudget::text() const { return share < 0 ? std::to_string(rows) : number_text(share * 100) + "%"; }

std::optional<RejectBudget> parse_reject_budget(std::string_view text) {
  RejectBudget budget;
  if (text.ends_with('%')) {
    const auto percent = parse_number(text.substr(0, text.size() - 1));
    if (!percent || *percent < 0 || *percent > 100) return std::nullopt;
    budget.share = *percent / 100;
    return budget;
  }
  const auto rows = parse_integer(text);
  if (!rows || *rows < 0) return std::nullopt;
  budget.rows = *rows;
  return budget;
}

Pipeline load_pipeline(Env& env, const std::string& path, const Variables& variables,
                       const std::map<std::string, std::vector<std::string>>& known, Problems& problems) {
  return Loader(env, variables, known, problems).load(path);
}

}  // namespace trommel
