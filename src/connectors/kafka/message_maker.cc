#include "connectors/kafka/message_maker.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "batch/types.h"
#include "codecs/text/spell.h"

namespace trommel::kafka {
namespace {

int find_column(const std::string& name, const char* setting, const arrow::Schema& rows, const Node& settings,
                Problems& problems) {
  const int at = rows.GetFieldIndex(name);
  if (at >= 0) return at;
  const Node* node = settings.find(setting);
  const std::string near = did_you_mean(name, rows.field_names());
  problems.add(node != nullptr ? node->place : settings.place,
               fmt::format("`{}`: the rows have no column `{}`", setting, name),
               near.empty() ? "" : fmt::format("did you mean `{}`?", near));
  return -1;
}

/// A value as bytes of its own: text and binary as they are, others as they are spelled.
class ValueBytes {
 public:
  static Result<ValueBytes> of(std::shared_ptr<arrow::Array> column) {
    ValueBytes out;
    const auto type = column->type_id();
    if (type == arrow::Type::STRING || type == arrow::Type::BINARY) {
      out.plain_ = std::static_pointer_cast<arrow::BinaryArray>(std::move(column));
    } else {
      ASSIGN(out.speller_, text::make_speller(std::move(column), text::Style::plain));
    }
    return out;
  }
  std::string_view at(int64_t row) {
    if (plain_) return plain_->GetView(row);
    text_.clear();
    speller_->spell(row, text_);
    return text_;
  }

 private:
  std::shared_ptr<arrow::BinaryArray> plain_;
  std::unique_ptr<text::Speller> speller_;
  std::string text_;
};

Result<std::shared_ptr<arrow::Array>> finished_column(arrow::ArrayBuilder& builder, const arrow::Status& so_far) {
  std::shared_ptr<arrow::Array> out;
  const auto status = so_far.ok() ? builder.Finish(&out) : so_far;
  if (!status.ok()) return tl::unexpected(from_arrow(status, "messages"));
  return out;
}

/// The same values as bytes, where that is what they are.
std::shared_ptr<arrow::Array> as_binary(const arrow::Array& column) {
  auto data = column.data()->Copy();
  data->type = arrow::binary();
  return arrow::MakeArray(data);
}

Result<std::shared_ptr<arrow::Array>> keys_of(const arrow::RecordBatch& rows, int column) {
  const auto values = rows.column(column);
  if (values->type_id() == arrow::Type::STRING || values->type_id() == arrow::Type::BINARY) return as_binary(*values);
  arrow::BinaryBuilder keys;
  ASSIGN(auto bytes, ValueBytes::of(values));
  arrow::Status status;
  for (int64_t row = 0; status.ok() && row < rows.num_rows(); ++row)
    status = values->IsNull(row) ? keys.AppendNull() : keys.Append(bytes.at(row));
  return finished_column(keys, status);
}

Result<std::shared_ptr<arrow::Array>> headers_of(const arrow::RecordBatch& rows,
                                                 const std::vector<std::pair<std::string, int>>& columns) {
  auto names = std::make_shared<arrow::StringBuilder>();
  auto values = std::make_shared<arrow::BinaryBuilder>();
  arrow::MapBuilder headers(arrow::default_memory_pool(), names, values);
  std::vector<ValueBytes> bytes;
  for (const auto& [name, column] : columns) {
    ASSIGN(auto each, ValueBytes::of(rows.column(column)));
    bytes.push_back(std::move(each));
  }
  arrow::Status status;
  for (int64_t row = 0; status.ok() && row < rows.num_rows(); ++row) {
    status = headers.Append();
    for (size_t i = 0; status.ok() && i < columns.size(); ++i) {
      if (rows.column(columns[i].second)->IsNull(row)) continue;
      status = names->Append(columns[i].first);
      if (status.ok()) status = values->Append(bytes[i].at(row));
    }
  }
  return finished_column(headers, status);
}

Result<std::shared_ptr<arrow::Array>> column_of(EncodedMessages messages) {
  if (messages.bytes.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    return external_error("messages", fmt::format("a batch of {} bytes is too large", messages.bytes.size()));
  arrow::TypedBufferBuilder<int32_t> offsets;
  auto status = offsets.Reserve(static_cast<int64_t>(messages.count()) + 1);
  std::shared_ptr<arrow::Buffer> bounds;
  if (status.ok()) {
    offsets.UnsafeAppend(0);
    for (const size_t end : messages.ends) offsets.UnsafeAppend(static_cast<int32_t>(end));
    status = offsets.Finish(&bounds);
  }
  if (!status.ok()) return tl::unexpected(from_arrow(status, "messages"));
  return std::make_shared<arrow::BinaryArray>(static_cast<int64_t>(messages.count()), std::move(bounds),
                                              arrow::Buffer::FromString(std::move(messages.bytes)));
}

}  // namespace

MessageColumns message_columns(const SinkConfig& config, const arrow::Schema& rows, const Node& settings,
                               Problems& problems) {
  MessageColumns out;
  if (config.key) out.key = find_column(*config.key, "key", rows, settings, problems);
  if (config.partition) {
    out.partition = find_column(*config.partition, "partition", rows, settings, problems);
    if (out.partition >= 0 && !arrow::is_integer(rows.field(out.partition)->type()->id()))
      problems.add(settings.find("partition")->place,
                   fmt::format("`partition`: column `{}` is no whole number", *config.partition));
  }
  for (const auto& header : config.headers) {
    const int column = find_column(header.value, "headers", rows, settings, problems);
    if (column >= 0) out.headers.emplace_back(header.key, column);
  }
  return out;
}

Schema message_schema(bool key, bool headers, bool partition) {
  arrow::FieldVector fields = {arrow::field("value", arrow::binary())};
  if (key) fields.push_back(arrow::field("key", arrow::binary()));
  if (headers) fields.push_back(arrow::field("headers", arrow::map(arrow::utf8(), arrow::binary())));
  if (partition) fields.push_back(arrow::field("partition", arrow::int32()));
  return arrow::schema(std::move(fields));
}

MessageArrays::MessageArrays(const arrow::RecordBatch& messages) {
  const auto column = [&](const char* name) { return messages.GetColumnByName(name).get(); };
  values = static_cast<const arrow::BinaryArray*>(column("value"));
  keys = static_cast<const arrow::BinaryArray*>(column("key"));
  headers = static_cast<const arrow::MapArray*>(column("headers"));
  partitions = column("partition");
}

int64_t MessageArrays::bytes(int64_t row) const {
  constexpr int64_t around = 64, around_header = 10;  // at most: lengths, time and place of a message
  int64_t out = around + values->value_length(row) + (keys != nullptr ? keys->value_length(row) : 0);
  if (headers == nullptr) return out;
  const auto& names = static_cast<const arrow::BinaryArray&>(*headers->keys());
  const auto& items = static_cast<const arrow::BinaryArray&>(*headers->items());
  for (int64_t i = headers->value_offset(row); i < headers->value_offset(row + 1); ++i)
    out += around_header + names.value_length(i) + items.value_length(i);
  return out;
}

MessageMaker::MessageMaker(std::unique_ptr<MessageEncoder> encoder, MessageColumns columns, int64_t largest)
    : encoder_(std::move(encoder)),
      columns_(std::move(columns)),
      largest_(largest),
      schema_(message_schema(columns_.key >= 0, !columns_.headers.empty(), columns_.partition >= 0)) {}

Result<Spooled> MessageMaker::make(const Batch& batch) {
  TROMMEL_CHECK(encoder_ != nullptr, "a maker of messages that has rows to make them of");
  const arrow::RecordBatch& rows = *batch.rows;
  EncodedMessages encoded;
  Spooled out;
  ASSIGN(out.refusals, encoder_->encode(rows, encoded));
  TROMMEL_CHECK(encoded.count() == static_cast<size_t>(rows.num_rows()),
                fmt::format("{} rows became {} messages", rows.num_rows(), encoded.count()));
  ASSIGN(auto values, column_of(std::move(encoded)));
  arrow::ArrayVector columns = {std::move(values)};
  if (columns_.key >= 0) {
    ASSIGN(auto keys, keys_of(rows, columns_.key));
    columns.push_back(std::move(keys));
  }
  if (!columns_.headers.empty()) {
    ASSIGN(auto headers, headers_of(rows, columns_.headers));
    columns.push_back(std::move(headers));
  }
  if (columns_.partition >= 0) {
    ASSIGN(auto partitions, partitions_of(rows, out.refusals));
    columns.push_back(std::move(partitions));
  }
  out.rows = arrow::RecordBatch::Make(schema_, rows.num_rows(), std::move(columns));
  refuse_large(*out.rows, out.refusals);
  if (out.refusals.empty()) return out;
  std::ranges::stable_sort(out.refusals, {}, &Refusal::row);
  std::vector<uint8_t> keep(static_cast<size_t>(rows.num_rows()), 1);
  for (const Refusal& refusal : out.refusals) keep[static_cast<size_t>(refusal.row)] = 0;
  ASSIGN(Batch kept, filter({std::move(out.rows), {}, nullptr}, keep));
  out.rows = std::move(kept.rows);
  return out;
}

Result<std::shared_ptr<arrow::Array>> MessageMaker::partitions_of(const arrow::RecordBatch& rows,
                                                                  std::vector<Refusal>& refusals) const {
  const auto& column = rows.column(columns_.partition);
  ASSIGN(auto cast, cast_column(column, arrow::int32()));
  for (const int64_t row : cast.refused)
    refusals.push_back({row, "partition", rows.schema()->field(columns_.partition)->name(), value_text(*column, row),
                        "no partition can have that number"});
  return std::move(cast.column);
}

/// The brokers would take none of the epoch.
void MessageMaker::refuse_large(const arrow::RecordBatch& messages, std::vector<Refusal>& refusals) const {
  const MessageArrays arrays(messages);
  for (int64_t row = 0; row < messages.num_rows(); ++row) {
    if (const int64_t bytes = arrays.bytes(row); bytes > largest_)
      refusals.push_back(
          {row, "too_large", {}, {}, fmt::format("a message of {} bytes, and {} are the most", bytes, largest_)});
  }
}

Result<Rows> MessageMaker::finished(const Rows& messages) {
  if (!messages->schema()->Equals(*schema_, false))
    return config_error("messages", "were made for other settings of the sink",
                        "run it once as it was, or start anew with `run --reset`");
  if (!encoder_) return messages;
  ASSIGN(const std::string prefix, encoder_->prefix());
  if (prefix.empty()) return messages;
  const auto& values = *MessageArrays(*messages).values;
  arrow::BinaryBuilder whole;
  auto status = whole.Reserve(values.length());
  if (status.ok())
    status = whole.ReserveData(values.total_values_length() + values.length() * static_cast<int64_t>(prefix.size()));
  for (int64_t row = 0; status.ok() && row < values.length(); ++row) {
    whole.UnsafeAppend(prefix);
    whole.UnsafeExtendCurrent(values.GetView(row));
  }
  ASSIGN(auto column, finished_column(whole, status));
  auto out = messages->SetColumn(0, messages->schema()->field(0), column);
  if (!out.ok()) return tl::unexpected(from_arrow(out.status(), "messages"));
  return *out;
}

}  // namespace trommel::kafka
