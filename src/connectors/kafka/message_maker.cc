#include "connectors/kafka/message_maker.h"

#include <arrow/api.h>
#include <fmt/format.h>

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

Result<std::shared_ptr<arrow::Array>> finished(arrow::ArrayBuilder& builder, const arrow::Status& so_far) {
  std::shared_ptr<arrow::Array> out;
  const auto status = so_far.ok() ? builder.Finish(&out) : so_far;
  if (!status.ok()) return tl::unexpected(from_arrow(status, "messages"));
  return out;
}

Result<std::shared_ptr<arrow::Array>> keys_of(const arrow::RecordBatch& rows, int column) {
  arrow::BinaryBuilder keys;
  if (column < 0) return finished(keys, keys.AppendNulls(rows.num_rows()));
  const auto values = rows.column(column);
  ASSIGN(auto bytes, ValueBytes::of(values));
  arrow::Status status;
  for (int64_t row = 0; status.ok() && row < rows.num_rows(); ++row)
    status = values->IsNull(row) ? keys.AppendNull() : keys.Append(bytes.at(row));
  return finished(keys, status);
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
  return finished(headers, status);
}

Result<std::shared_ptr<arrow::Array>> column_of(const EncodedMessages& messages) {
  if (messages.bytes.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    return external_error("messages", fmt::format("a batch of {} bytes is too large", messages.bytes.size()));
  arrow::BinaryBuilder values;
  auto status = values.Reserve(static_cast<int64_t>(messages.count()));
  if (status.ok()) status = values.ReserveData(static_cast<int64_t>(messages.bytes.size()));
  for (size_t i = 0; status.ok() && i < messages.count(); ++i) status = values.Append(as_text(messages.at(i)));
  return finished(values, status);
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

Result<Rows> MessageMaker::make(const arrow::RecordBatch& rows, int64_t now_ms) {
  EncodedMessages messages;
  {
    const std::lock_guard lock(mutex_);
    TRY(encoder_->encode(rows, messages));
  }
  TROMMEL_CHECK(messages.count() == static_cast<size_t>(rows.num_rows()),
                fmt::format("{} rows became {} messages", rows.num_rows(), messages.count()));
  ASSIGN(auto keys, keys_of(rows, columns_.key));
  ASSIGN(auto values, column_of(messages));
  ASSIGN(auto headers, headers_of(rows, columns_.headers));
  auto now =
      arrow::MakeArrayFromScalar(arrow::TimestampScalar(now_ms, stored_messages()->field(3)->type()), rows.num_rows());
  if (!now.ok()) return tl::unexpected(from_arrow(now.status(), "messages"));
  return arrow::RecordBatch::Make(stored_messages(), rows.num_rows(),
                                  {std::move(keys), std::move(values), std::move(headers), *now});
}

Result<std::vector<Refusal>> MessageMaker::refuses(const arrow::RecordBatch& rows) {
  const std::lock_guard lock(mutex_);
  return encoder_->refuses(rows);
}

}  // namespace trommel::kafka
