// Avro as a format of messages: one record each, plain or in a registry's wire format.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "avro/decode.h"
#include "avro/encode.h"
#include "codecs/avro/avro.h"
#include "codecs/avro/registry.h"
#include "component/cast_rows.h"
#include "component/columns.h"
#include "config/avro_contract.h"
#include "spec/merge.h"

namespace trommel {

namespace avro {
/// What a schema is called in a registry.
enum class Subject { topic, record, topic_record };
}  // namespace avro

template <>
struct EnumNames<avro::Subject> {
  static constexpr EnumName<avro::Subject> list[] = {{"topic", avro::Subject::topic},
                                                     {"record", avro::Subject::record},
                                                     {"topic_record", avro::Subject::topic_record}};
};

namespace avro {
namespace {

/// In place of an address, so that a variable may leave it out.
constexpr const char* no_registry = "none";

struct RegistryConfig {
  std::string url;
  Subject subject = Subject::topic;
  std::string user, password, token;
  std::optional<Path> ca_file, certificate_file, key_file;

  static const Spec<RegistryConfig>& spec() {
    static const auto spec =
        Spec<RegistryConfig>("registry", "A schema registry that speaks Confluent's interface")
            .field("url", &RegistryConfig::url, "its address; `none`: there is none",
                   {.example = "http://localhost:8081", .required = true})
            .field("subject", &RegistryConfig::subject,
                   "what the schema of a topic's values is called: topic `TOPIC-value`, record the record's full name, "
                   "topic_record `TOPIC-RECORD`")
            .field("user", &RegistryConfig::user, "who asks")
            .field("password", &RegistryConfig::password, "never shown",
                   {.example = "${REGISTRY_PASSWORD}", .secret = true})
            .field("token", &RegistryConfig::token, "bearer token, in place of user and password; never shown",
                   {.secret = true})
            .field("ca_file", &RegistryConfig::ca_file,
                   "PEM file of who signed its certificate; left out, what the system trusts")
            .field("certificate_file", &RegistryConfig::certificate_file, "PEM file of our own certificate")
            .field("key_file", &RegistryConfig::key_file, "PEM file of its key")
            .scalar_is("url")
            .check([](const RegistryConfig& config, const Node& node, Problems& problems) {
              if (config.url != no_registry && !config.url.starts_with("http://") &&
                  !config.url.starts_with("https://"))
                problems.add(node.place, "`url` of the registry begins with http:// or https://",
                             "`none` means that there is no registry");
            });
    return spec;
  }
};

struct MessageConfig {
  std::optional<Path> schema;
  std::optional<RegistryConfig> registry;
};

const Spec<MessageConfig>& message_spec() {
  static const auto spec =
      Spec<MessageConfig>("avro", "One Avro record a message")
          .field("schema", &MessageConfig::schema,
                 "the .avsc file that values are written with; left out: the contract's, or the columns of the rows",
                 {.example = "bet.avsc"})
          .field(
              "registry", &MessageConfig::registry,
              "values begin with the id of their schema in this registry (Confluent's wire format); left out, they are "
              "the record alone");
  return spec;
}

/// What both directions are bound with.
struct Bound {
  MessageConfig config;
  SchemaPtr schema;  ///< of the settings or the contract; null: neither names one
  std::shared_ptr<Registry> registry;
  std::string where;  ///< for errors: the topic
};

SchemaPtr schema_of_file(const MessageSettings& settings, const Path& path, Problems& problems) {
  const Node settings_node = settings_for(settings.settings, message_spec().info());
  const Node& node = *settings_node.find("schema");
  const std::string file = join_path(settings.context.folder, path.text);
  const auto text = settings.context.env->read_text(file);
  if (!text) {
    problems.add(node.place, fmt::format("schema `{}` cannot be read: {}", path.text, text.error().what),
                 text.error().hint);
    return nullptr;
  }
  return parse_avro_contract(*text, file, problems).avro;
}

std::shared_ptr<Registry> registry_of(const MessageSettings& settings, const RegistryConfig& config) {
  RegistryAddress address;
  address.url = config.url;
  while (address.url.ends_with('/')) address.url.pop_back();
  address.access.user = config.user;
  address.access.password = config.password;
  address.access.bearer_token = config.token;
  const auto file = [&](const std::optional<Path>& path) {
    return path ? join_path(settings.context.folder, path->text) : std::string();
  };
  address.access.ca_file = file(config.ca_file);
  address.access.certificate_file = file(config.certificate_file);
  address.access.key_file = file(config.key_file);
  return std::make_shared<Registry>(std::move(address));
}

Bound bind(const MessageSettings& settings, Problems& problems) {
  Bound bound;
  bound.config = message_spec().parse(settings_for(settings.settings, message_spec().info()), problems);
  bound.where = settings.topic.empty() ? settings.context.name : settings.topic;
  if (settings.contract && settings.contract->avro) bound.schema = settings.contract->avro;
  if (bound.config.schema) bound.schema = schema_of_file(settings, *bound.config.schema, problems);
  if (bound.config.registry && bound.config.registry->url == no_registry) bound.config.registry.reset();
  if (bound.config.registry) bound.registry = registry_of(settings, *bound.config.registry);
  return bound;
}

std::string subject_of(Subject how, const std::string& topic, const SchemaNode& schema) {
  switch (how) {
    case Subject::record:
      return schema.name;
    case Subject::topic_record:
      return topic + "-" + schema.name;
    case Subject::topic:
      break;
  }
  return topic + "-value";
}

// ---- reading

/// Schemas by the ids that messages name, each resolved once.
class WriterSchemas {
 public:
  WriterSchemas(std::shared_ptr<Registry> registry, std::shared_ptr<const Layout> layout)
      : registry_(std::move(registry)), layout_(std::move(layout)) {}

  struct Known {
    std::shared_ptr<const Program> program;  ///< null: its data cannot be rows
    std::string why;
  };
  /// The error is the registry's, when it has to be asked and is away.
  Result<Known> find(int32_t id) {
    std::lock_guard lock(mutex_);
    if (const auto known = known_.find(id); known != known_.end()) return known->second;
    ASSIGN(const auto text, registry_->schema(id));
    // Not remembered: it may be registered yet.
    if (!text) return Known{nullptr, fmt::format("the registry has no Avro schema {}", id)};
    const auto writer = read_schema(*text, fmt::format("schema {}", id));
    if (!writer) return known_[id] = {nullptr, writer.error().text()};
    auto program = resolve(*writer, layout_);
    if (!program) return known_[id] = {nullptr, fmt::format("schema {}: {}", id, program.error().what)};
    return known_[id] = {std::move(*program), {}};
  }

 private:
  std::shared_ptr<Registry> registry_;
  std::shared_ptr<const Layout> layout_;
  std::mutex mutex_;
  std::map<int32_t, Known> known_;
};

class RecordMessages final : public MessageDecoder {
 public:
  RecordMessages(std::shared_ptr<const Layout> layout, std::shared_ptr<const Program> plain,
                 std::shared_ptr<WriterSchemas> writers, std::optional<CastTarget> target)
      : layout_(std::move(layout)),
        plain_(std::move(plain)),
        writers_(std::move(writers)),
        target_(std::move(target)) {}

  Result<DecodedMessages> decode(const Messages& messages) const override {
    DatumDecoder decoder(layout_);
    DecodedMessages out;
    std::vector<int64_t> message_of_row;
    std::optional<int32_t> last_id;
    WriterSchemas::Known writer{plain_, {}};
    for (size_t i = 0; i < messages.count(); ++i) {
      Bytes bytes = messages.at(i);
      const auto refuse = [&](std::string column, std::string reason) {
        out.refusals.push_back({static_cast<int64_t>(i), "avro", std::move(column), {}, std::move(reason)});
      };
      if (writers_) {
        const auto id = wire_id(bytes);
        if (!id) {
          refuse({}, "it does not begin with a 0 and the id of a schema");
          continue;
        }
        if (id != last_id) {
          ASSIGN(writer, writers_->find(*id));
          last_id = writer.program ? id : std::nullopt;
        }
        bytes = bytes.subspan(wire_bytes);
      }
      if (!writer.program) {
        refuse({}, writer.why);
        continue;
      }
      const int64_t rows_before = decoder.rows();
      const auto size = decoder.add(*writer.program, bytes);
      if (!size) {
        refuse(decoder.refusal().column, decoder.refusal().reason);
      } else if (*size < bytes.size()) {
        decoder.truncate(rows_before);
        refuse({}, fmt::format("{} bytes follow the record, which ends at byte {}", bytes.size() - *size, *size));
      } else {
        message_of_row.push_back(static_cast<int64_t>(i));
      }
    }
    out.rows = decoder.finish();
    if (target_) TRY(cast(out, message_of_row));
    return out;
  }

 private:
  Result<> cast(DecodedMessages& out, const std::vector<int64_t>& message_of_row) const {
    ASSIGN(CastRows cast, cast_rows(out.rows, *target_));
    if (cast.refusals.empty()) {
      out.rows = std::move(cast.rows);
      return {};
    }
    for (Refusal& refusal : cast.refusals) {
      refusal.row = message_of_row[static_cast<size_t>(refusal.row)];
      out.refusals.push_back(std::move(refusal));
    }
    std::sort(out.refusals.begin(), out.refusals.end(),
              [](const Refusal& a, const Refusal& b) { return a.row < b.row; });
    ASSIGN(const Batch good, filter({cast.rows, {}, nullptr}, cast.keep));
    out.rows = good.rows;
    return {};
  }

  std::shared_ptr<const Layout> layout_;
  std::shared_ptr<const Program> plain_;
  std::shared_ptr<WriterSchemas> writers_;
  std::optional<CastTarget> target_;
};

/// The newest schema of the topic's values, where nothing here says what they are.
Result<SchemaPtr> schema_of_registry(const MessageSettings& settings, const Bound& bound, Problems& problems) {
  if (!bound.registry) {
    problems.add(settings.settings.place, "`value: avro` needs a schema: the bytes alone do not say what they are",
                 "give `schema: FILE.avsc`, or a contract that is one, or `registry:`");
    return SchemaPtr{};
  }
  if (settings.topic.empty() || bound.config.registry->subject != Subject::topic) {
    problems.add(settings.settings.place, "no one topic names the schema in the registry",
                 "give `schema: FILE.avsc`, or a contract that is one");
    return SchemaPtr{};
  }
  const std::string subject = subject_of(Subject::topic, settings.topic, {});
  ASSIGN(const auto newest, bound.registry->latest(subject));
  if (!newest)
    return external_error(http::shown_url(bound.config.registry->url),
                          fmt::format("the registry has no schema `{}`", subject),
                          "it comes with the first message; or give `schema: FILE.avsc`");
  return read_schema(newest->schema, subject);
}

/// Columns of a contract that is no .avsc: found by name, and cast.
Result<std::optional<CastTarget>> target_of(const MessageSettings& settings, const Layout& layout, Problems& problems) {
  if (!settings.contract || settings.contract->avro) return std::optional<CastTarget>();
  const auto unified = unify_columns({{settings.context.name, layout.schema, false}}, *settings.contract);
  if (!unified) {
    problems.add(settings.contract->place, unified.error().what, unified.error().hint);
    return std::optional<CastTarget>();
  }
  CastTarget target;
  target.rows = unified->rows;
  target.from_column = match_columns(*target.rows, *layout.schema).from_column;
  for (size_t i = 0; i < target.from_column.size(); ++i) {
    const auto& to = *target.rows->field(static_cast<int>(i));
    if (target.from_column[i] < 0) continue;
    const auto& from = *layout.schema->field(target.from_column[i]);
    if (!can_cast(*from.type(), *to.type()))
      problems.add(settings.contract->place, fmt::format("column `{}` is {} in the schema, which is no {}", to.name(),
                                                         type_name(*from.type()), type_name(*to.type())));
  }
  return target;
}

Result<BoundMessageDecoder> bind_decoder(const MessageSettings& settings, Problems& problems) {
  Problems found;
  Bound bound = bind(settings, found);
  if (found.empty() && !bound.schema) {
    ASSIGN(bound.schema, schema_of_registry(settings, bound, found));
  }
  std::shared_ptr<const Layout> layout;
  std::optional<CastTarget> target;
  std::shared_ptr<const Program> program;
  if (found.empty()) {
    // Rows are those of a contract that is an .avsc file, by Avro's own rules, whatever values are written with.
    ASSIGN(layout, layout_of(settings.contract && settings.contract->avro ? settings.contract->avro : bound.schema));
    ASSIGN(target, target_of(settings, *layout, found));
    auto resolved = resolve(bound.schema, layout);
    if (resolved) program = std::move(*resolved);
    if (!resolved) found.add(settings.settings.place, resolved.error().what, resolved.error().hint);
  }
  problems.add(found);
  if (!found.empty()) return BoundMessageDecoder{};
  BoundMessageDecoder out;
  out.schema = target ? target->rows : layout->schema;
  out.notes = {"Avro schema: " + schema_json(*bound.schema)};
  std::shared_ptr<WriterSchemas> writers;
  if (bound.registry) {
    writers = std::make_shared<WriterSchemas>(bound.registry, layout);
    out.notes.push_back("written with schemas of the registry " + http::shown_url(bound.config.registry->url));
  }
  out.decoder = std::make_shared<RecordMessages>(layout, std::move(program), std::move(writers), std::move(target));
  return out;
}

// ---- writing

class RecordEncoder final : public MessageEncoder {
 public:
  RecordEncoder(DatumEncoder encoder, std::string json, std::string subject, std::shared_ptr<Registry> registry)
      : encoder_(std::move(encoder)),
        json_(std::move(json)),
        subject_(std::move(subject)),
        registry_(std::move(registry)) {}

  Result<std::vector<Refusal>> encode(const arrow::RecordBatch& rows, EncodedMessages& out) override {
    ASSIGN(auto refused, encoder_.encode(rows, {}, out.bytes, out.ends));
    std::vector<Refusal> refusals;
    for (RowRefusal& refusal : refused)
      refusals.push_back(
          {refusal.row, "avro", std::move(refusal.column), std::move(refusal.value), std::move(refusal.reason)});
    return refusals;
  }

  Result<std::string> prefix() override {
    if (registry_ && prefix_.empty()) {
      ASSIGN(const int32_t id, registry_->id_of(subject_, json_));
      prefix_ = wire_prefix(id);
    }
    return prefix_;
  }

 private:
  DatumEncoder encoder_;
  std::string json_, subject_;
  std::shared_ptr<Registry> registry_;
  std::string prefix_;
};

/// For `plan`: would the registry take the schema? A registry that is away is asked again when there are rows.
std::string compatibility_note(Registry& registry, const std::string& subject, const std::string& json,
                               const Place& place, Problems& problems) {
  const auto objection = registry.objection(subject, json);
  if (!objection) return fmt::format("the registry could not be asked about `{}`: {}", subject, objection.error().what);
  if (!*objection) return fmt::format("compatible with subject `{}` of the registry", subject);
  problems.add(place, fmt::format("the registry would not take the schema for `{}`: {}", subject, **objection),
               "give new fields a default, or change the subject's compatibility");
  return {};
}

/// Fields of the schema by the names of the columns, case and punctuation aside.
std::vector<int> columns_for(const SchemaNode& schema, const arrow::Schema& rows) {
  std::vector<ColumnInfo> fields;
  for (const SchemaField& field : schema.fields) fields.push_back({field.name, text_type(), true});
  std::vector<int> from = match_columns(*make_schema(fields), rows).from_column;
  for (size_t i = 0; i < from.size(); ++i) {
    for (const std::string& alias : schema.fields[i].aliases)
      from[i] = from[i] < 0 ? rows.GetFieldIndex(alias) : from[i];
  }
  return from;
}

Result<BoundMessageEncoder> bind_encoder(const MessageSettings& settings, const Schema& rows, Problems& problems) {
  Problems found;
  Bound bound = bind(settings, found);
  std::vector<int> from;
  if (found.empty() && bound.schema) {
    from = columns_for(*bound.schema, *rows);
  } else if (found.empty()) {
    auto made = schema_of(*rows, bound.where);
    if (made) {
      bound.schema = std::move(*made);
      for (int i = 0; i < rows->num_fields(); ++i) from.push_back(i);
    } else {
      found.add(settings.settings.place, made.error().what, made.error().hint);
    }
  }
  if (!found.empty()) {
    problems.add(found);
    return BoundMessageEncoder{};
  }
  auto encoder = DatumEncoder::make(bound.schema, *rows, std::move(from));
  if (!encoder) {
    problems.add(settings.settings.place, encoder.error().what, encoder.error().hint);
    return BoundMessageEncoder{};
  }
  const std::string json = schema_json(*bound.schema);
  BoundMessageEncoder out;
  out.notes = {"Avro schema: " + json};
  std::string subject = bound.where;
  if (bound.registry) {
    subject = subject_of(bound.config.registry->subject, settings.topic, *bound.schema);
    if (std::string note = compatibility_note(*bound.registry, subject, json, settings.settings.place, problems);
        !note.empty())
      out.notes.push_back(std::move(note));
  }
  out.encoder = std::make_unique<RecordEncoder>(std::move(*encoder), json, std::move(subject), bound.registry);
  return out;
}

}  // namespace
}  // namespace avro

MessageFormat avro_messages() { return {"avro", &avro::message_spec().info(), avro::bind_decoder, avro::bind_encoder}; }

}  // namespace trommel
