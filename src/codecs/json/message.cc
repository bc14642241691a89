// JSON as a format of messages: each holds one object.
#include <arrow/api.h>
#include <fmt/format.h>

#include "codecs/json/decode.h"
#include "codecs/json/json.h"
#include "codecs/json/write.h"
#include "component/message_outlet.h"

namespace trommel::json {
namespace {

struct MessageConfig {};

const Spec<MessageConfig>& message_spec() {
  static const auto spec = Spec<MessageConfig>("json", "One JSON object a message");
  return spec;
}

class ObjectMessages final : public MessageDecoder {
 public:
  explicit ObjectMessages(DecodePlan plan) : plan_(std::move(plan)) {}

  Result<DecodedMessages> decode(const Messages& messages) const override {
    MessageOutlet outlet;
    std::vector<RecordPlace> places;
    places.reserve(messages.count());
    for (size_t i = 0; i < messages.count(); ++i) {
      const auto begin = static_cast<size_t>(messages.bounds[i]), end = static_cast<size_t>(messages.bounds[i + 1]);
      if (begin == end) {
        outlet.refuse(static_cast<int64_t>(i), "json", "the message is empty");
        continue;
      }
      outlet.expect(static_cast<int64_t>(begin), static_cast<int64_t>(i));
      places.push_back({begin, end, end});
    }
    Block block;
    block.bytes = std::make_shared<arrow::Buffer>(messages.bytes.data(), static_cast<int64_t>(messages.bytes.size()));
    block.to = static_cast<Position>(messages.bytes.size());
    TRY(decode_records(plan_, block, places, outlet));
    return outlet.take(plan_.schema);
  }

 private:
  DecodePlan plan_;
};

/// Each column of the contract waits for a name like its own; a message that has none of it has NULL.
Result<DecodePlan> plan_of(const Contract& contract) {
  DecodePlan plan;
  plan.max_row = std::numeric_limits<int32_t>::max();  // who hands the message over has said how long one may be
  plan.others = contract.extra == ExtraColumns::fail ? OtherNames::refuse : OtherNames::drop;
  std::vector<ColumnInfo> columns;
  for (const ColumnInfo& column : columns_of(*contract_schema(contract))) {
    const auto index = static_cast<int>(plan.columns.size());
    ValuesPlan values;
    values.others = plan.others;
    values.column.name = column.name;
    values.column.type = column.type;
    values.column.from = index;
    csv::take_contract(contract, values.column);
    if (const std::string why = json::unreadable(values.column); !why.empty())
      return config_error("column " + column.name, why);
    plan.columns.push_back(std::move(values));
    plan.names.push_back(column.name);
    plan.targets.push_back(index);
    plan.places.emplace(column.name, static_cast<size_t>(index));
    plan.awaited.emplace(name_key(column.name), index);
    columns.push_back({column.name, column.type, true});
  }
  plan.schema = make_schema(columns);
  return plan;
}

class ObjectEncoder final : public MessageEncoder {
 public:
  explicit ObjectEncoder(const arrow::Schema& schema) : objects_(schema) {}
  Result<std::vector<Refusal>> encode(const arrow::RecordBatch& rows, EncodedMessages& out) override {
    TRY(objects_.begin(rows));
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      objects_.append(row, out.bytes);
      out.ends.push_back(out.bytes.size());
    }
    return std::vector<Refusal>{};
  }

 private:
  ObjectWriter objects_;
};

Result<BoundMessageDecoder> bind_decoder(const MessageSettings& settings, Problems& problems) {
  if (!settings.contract) {
    problems.add(settings.settings.place, "`value: json` needs a contract: nothing else says which columns there are",
                 "such as `contract: rows.yaml`; `value: raw` takes messages as they are");
    return BoundMessageDecoder{};
  }
  ASSIGN(DecodePlan plan, plan_of(*settings.contract));
  const Schema schema = plan.schema;
  return BoundMessageDecoder{std::make_shared<ObjectMessages>(std::move(plan)), schema, {}};
}

Result<BoundMessageEncoder> bind_encoder(const MessageSettings& settings, const Schema& rows, Problems& problems) {
  for (const auto& field : rows->fields()) {
    if (!text::can_spell(*field->type()))
      problems.add(settings.settings.place,
                   fmt::format("column {} cannot be written as JSON: {}", field->name(), field->type()->ToString()));
  }
  return BoundMessageEncoder{std::make_unique<ObjectEncoder>(*rows), {}};
}

}  // namespace
}  // namespace trommel::json

namespace trommel {

MessageFormat json_messages() { return {"json", &json::message_spec().info(), json::bind_decoder, json::bind_encoder}; }

}  // namespace trommel
