// CSV as a format of messages: each holds one record.
#include <arrow/api.h>
#include <fmt/format.h>

#include <cstring>

#include "codecs/csv/csv.h"
#include "codecs/csv/decode.h"
#include "codecs/csv/settings.h"
#include "codecs/csv/write.h"
#include "component/message_outlet.h"
#include "spec/merge.h"

namespace trommel::csv {
namespace {

struct MessageConfig {
  std::string delimiter = ",";
  std::string quote = "\"";
  std::optional<std::string> escape;
  std::vector<std::string> nulls;
  Ragged ragged = Ragged::reject;
};

void check_bytes(const MessageConfig& config, const Node& node, Problems& problems) {
  check_byte(config.delimiter, "delimiter", false, node, problems);
  check_byte(config.quote, "quote", true, node, problems);
  check_byte(config.escape, "escape", true, node, problems);
  if (config.delimiter == config.quote)
    problems.add(node.place, "delimiter and quote are the same: " + config.delimiter);
}

const Spec<MessageConfig>& message_spec() {
  static const auto spec =
      Spec<MessageConfig>("csv", "One record of separated values a message, fields in the order of the columns")
          .field("delimiter", &MessageConfig::delimiter, "what stands between fields: one character, `tab` or `space`",
                 {.example = "\";\""})
          .field("quote", &MessageConfig::quote, "what fields are quoted with: one character or `none`",
                 {.example = "\"'\""})
          .field("escape", &MessageConfig::escape,
                 "makes the character behind it text, within quotes; doubled quotes always work",
                 {.example = "\"\\\\\""})
          .field("nulls", &MessageConfig::nulls, "texts that mean NULL in every column, besides the empty one",
                 {.example = "[NA, \"-\"]"})
          .field("ragged", &MessageConfig::ragged,
                 "what becomes of messages with too few fields: `pad` fills them up with NULL")
          .check(check_bytes);
  return spec;
}

/// Messages, laid out as the lines of a file.
struct Lines {
  std::shared_ptr<arrow::Buffer> bytes;  ///< with kPadding behind
  std::vector<int64_t> begins;           ///< of each, and the end of the last

  size_t count() const { return begins.size() - 1; }
  Block block(size_t first, size_t last) const {
    Block block;
    block.from = begins[first];
    block.to = begins[last];
    block.bytes = arrow::SliceBuffer(bytes, block.from, block.to - block.from);
    return block;
  }
};

class RecordMessages final : public MessageDecoder {
 public:
  explicit RecordMessages(const DecodePlan& plan)
      : dialect_(plan.dialect), columns_(plan.file_columns), schema_(plan.schema), decoder_(make_decoder(plan)) {}

  Result<DecodedMessages> decode(const Messages& messages) const override {
    MessageOutlet outlet;
    std::vector<int64_t> which;
    ASSIGN(const Lines lines, lines_of(messages, outlet, which));
    TRY(decode_lines(lines, 0, lines.count(), which, outlet));
    return outlet.take(schema_);
  }

 private:
  Result<Lines> lines_of(const Messages& messages, MessageOutlet& outlet, std::vector<int64_t>& which) const {
    Lines lines;
    auto made = arrow::AllocateBuffer(static_cast<int64_t>(messages.bytes.size() + messages.count() + kPadding));
    if (!made.ok()) return tl::unexpected(from_arrow(made.status(), "csv"));
    uint8_t* out = (*made)->mutable_data();
    int64_t size = 0;
    for (size_t i = 0; i < messages.count(); ++i) {
      Bytes message = messages.at(i);
      while (!message.empty() && (message.back() == '\n' || message.back() == '\r'))
        message = message.first(message.size() - 1);
      if (message.empty() && columns_ != 1) {  // of a single column it is NULL
        outlet.refuse(static_cast<int64_t>(i), "csv", "the message is empty");
        continue;
      }
      outlet.expect(size, static_cast<int64_t>(i));
      lines.begins.push_back(size);
      which.push_back(static_cast<int64_t>(i));
      std::memcpy(out + size, message.data(), message.size());
      size += static_cast<int64_t>(message.size());
      out[size++] = '\n';
    }
    lines.begins.push_back(size);
    std::memset(out + size, 0, kPadding);
    lines.bytes = std::move(*made);
    return lines;
  }

  /// A quote that is not closed makes a record reach into the messages behind it: then halves are looked at by
  /// themselves, until the bad message stands alone.
  Result<> decode_lines(const Lines& lines, size_t first, size_t last, std::span<const int64_t> which,
                        MessageOutlet& outlet) const {
    if (first == last) return {};
    const Block block = lines.block(first, last);
    thread_local Index index;
    index_block(reinterpret_cast<const char*>(block.bytes->data()), static_cast<size_t>(block.bytes->size()), dialect_,
                index);
    if (each_a_record(lines, first, last, index)) {
      ASSIGN(const int64_t records, decoder_->decode(block, outlet));
      TROMMEL_CHECK(records == static_cast<int64_t>(last - first), fmt::format("{} of {}", records, last - first));
      return {};
    }
    if (last - first == 1) {
      outlet.refuse(which[first], "csv", fmt::format("{} records in one message", index.row_count()));
      return {};
    }
    const size_t middle = first + (last - first) / 2;
    TRY(decode_lines(lines, first, middle, which, outlet));
    return decode_lines(lines, middle, last, which, outlet);
  }

  static bool each_a_record(const Lines& lines, size_t first, size_t last, const Index& index) {
    if (index.row_count() != last - first) return false;
    for (size_t i = first; i < last; ++i) {
      if (index.rows[i - first].start != static_cast<uint32_t>(lines.begins[i] - lines.begins[first])) return false;
    }
    return true;
  }

  Dialect dialect_;
  int columns_;
  Schema schema_;
  std::shared_ptr<const Decoder> decoder_;
};

Result<DecodePlan> plan_of(const MessageConfig& config, const Contract& contract) {
  DecodePlan plan;
  plan.dialect.delimiter = parse_byte(config.delimiter).value_or(',');
  plan.dialect.quote = parse_byte(config.quote).value_or('"');
  if (config.escape) plan.dialect.escape = parse_byte(*config.escape).value_or('\0');
  if (plan.dialect.escape == plan.dialect.quote) plan.dialect.escape = 0;
  plan.dialect.pad = config.ragged == Ragged::pad;
  plan.dialect.max_row = std::numeric_limits<int32_t>::max();  // who hands the message over has said how long it may be
  std::vector<ColumnInfo> columns;
  for (const ColumnInfo& info : columns_of(*contract_schema(contract))) {
    ColumnPlan column;
    column.name = info.name;
    column.type = info.type;
    column.from = plan.file_columns++;
    column.nulls = config.nulls;
    take_contract(contract, column);
    if (const std::string why = unreadable(column); !why.empty()) return config_error("column " + column.name, why);
    plan.columns.push_back(std::move(column));
    columns.push_back({info.name, info.type, true});
  }
  plan.schema = make_schema(columns);
  return plan;
}

class RecordEncoder final : public MessageEncoder {
 public:
  explicit RecordEncoder(char delimiter) : records_(delimiter) {}
  Result<std::vector<Refusal>> encode(const arrow::RecordBatch& rows, EncodedMessages& out) override {
    TRY(records_.begin(rows));
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      records_.append(row, out.bytes);
      out.ends.push_back(out.bytes.size());
    }
    return std::vector<Refusal>{};
  }

 private:
  RecordWriter records_;
};

Result<BoundMessageDecoder> bind_decoder(const MessageSettings& settings, Problems& problems) {
  const size_t before = problems.size();
  const auto config = message_spec().parse(settings_for(settings.settings, message_spec().info()), problems);
  if (!settings.contract)
    problems.add(settings.settings.place, "`value: csv` needs a contract: nothing else says which columns there are",
                 "such as `contract: rows.yaml`; `value: raw` takes messages as they are");
  if (problems.size() != before) return BoundMessageDecoder{};
  ASSIGN(const DecodePlan plan, plan_of(config, *settings.contract));
  return BoundMessageDecoder{std::make_shared<RecordMessages>(plan), plan.schema, {}};
}

Result<BoundMessageEncoder> bind_encoder(const MessageSettings& settings, const Schema& rows, Problems& problems) {
  const auto config = message_spec().parse(settings_for(settings.settings, message_spec().info()), problems);
  for (const auto& field : rows->fields()) {
    if (!text::can_spell(*field->type()))
      problems.add(settings.settings.place,
                   fmt::format("column {} cannot be written as CSV: {}", field->name(), field->type()->ToString()));
  }
  return BoundMessageEncoder{std::make_unique<RecordEncoder>(parse_byte(config.delimiter).value_or(',')), {}};
}

}  // namespace
}  // namespace trommel::csv

namespace trommel {

MessageFormat csv_messages() { return {"csv", &csv::message_spec().info(), csv::bind_decoder, csv::bind_encoder}; }

}  // namespace trommel
