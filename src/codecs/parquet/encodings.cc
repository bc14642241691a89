#include "codecs/parquet/encodings.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <arrow/io/memory.h>
#include <parquet/arrow/writer.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace trommel {
namespace {

struct Candidate {
  ColumnEncoding encoding;
  double weight;  ///< of its bytes: above 1 for what costs readers more or fewer of them know
};

std::vector<Candidate> candidates(const arrow::DataType& type) {
  using enum ColumnEncoding;
  switch (type.id()) {
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
    case arrow::Type::UINT64:
    case arrow::Type::DATE32:
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
      return {{dictionary, 1}, {plain, 1}, {delta, 1.02}};
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
      return {{dictionary, 1}, {plain, 1}, {byte_stream_split, 1.1}};
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return {{dictionary, 1}, {plain, 1}, {delta_length, 1.03}, {delta_strings, 1.15}};
    case arrow::Type::DECIMAL128:
    case arrow::Type::FIXED_SIZE_BINARY:
      return {{dictionary, 1}, {plain, 1}};
    default:
      return {};
  }
}

struct Size {
  double dictionary = 0;
  double data = 0;
};

arrow::Result<Size> written_size(const Rows& column, ColumnEncoding encoding, const EncodingTrial& trial) {
  parquet::WriterProperties::Builder properties;
  properties.compression(static_cast<arrow::Compression::type>(trial.compression));
  if (trial.compression_level != 0) properties.compression_level(trial.compression_level);
  properties.enable_store_decimal_as_integer()->disable_statistics()->disable_write_page_index();
  if (encoding != ColumnEncoding::dictionary) {
    properties.disable_dictionary()->encoding(static_cast<parquet::Encoding::type>(parquet_encoding(encoding)));
  }
  ARROW_ASSIGN_OR_RAISE(auto out, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(auto writer, parquet::arrow::FileWriter::Open(*column->schema(), arrow::default_memory_pool(),
                                                                      out, properties.build()));
  ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*column));
  ARROW_RETURN_NOT_OK(writer->Close());
  const auto chunk = writer->metadata()->RowGroup(0)->ColumnChunk(0);
  Size size;
  if (chunk->has_dictionary_page())
    size.dictionary = static_cast<double>(chunk->data_page_offset() - chunk->dictionary_page_offset());
  size.data = static_cast<double>(chunk->total_compressed_size()) - size.dictionary;
  return size;
}

int64_t value_bytes(const arrow::Array& values) {
  int64_t bytes = 0;
  const auto& buffers = values.data()->buffers;
  for (size_t i = 1; i < buffers.size(); ++i) bytes += buffers[i] ? buffers[i]->size() : 0;
  return bytes;
}

/// Bytes of a whole row group, were the column dictionary encoded; infinite where the dictionary would overflow.
arrow::Result<double> dictionary_bytes(const std::shared_ptr<arrow::Array>& column, const Size& size,
                                       const EncodingTrial& trial) {
  ARROW_ASSIGN_OR_RAISE(auto encoded, arrow::compute::DictionaryEncode(column));
  const auto held = encoded.make_array();
  const auto& array = static_cast<const arrow::DictionaryArray&>(*held);
  const auto distinct = static_cast<double>(std::max<int64_t>(array.dictionary()->length(), 1));
  const auto sampled = static_cast<double>(std::max<int64_t>(column->length() - column->null_count(), 1));
  const double share = static_cast<double>(trial.row_group_rows) / static_cast<double>(column->length());
  const double expected = expected_distinct(sampled, distinct, sampled * share);
  const double raw = static_cast<double>(value_bytes(*array.dictionary())) * expected / distinct;
  if (raw > 0.9 * static_cast<double>(trial.dictionary_bytes)) return std::numeric_limits<double>::infinity();
  const auto bits = [](double values) { return std::max(1.0, std::ceil(std::log2(std::max(values, 2.0)))); };
  return size.dictionary * expected / distinct + size.data * share * bits(expected) / bits(distinct);
}

arrow::Result<ColumnEncoding> choose(const Rows& sample, int index, const EncodingTrial& trial) {
  std::shared_ptr<arrow::Array> column = sample->column(index);
  if (column->type_id() == arrow::Type::EXTENSION)
    column = static_cast<const arrow::ExtensionArray&>(*column).storage();
  const auto rows =
      arrow::RecordBatch::Make(arrow::schema({arrow::field("column", column->type())}), sample->num_rows(), {column});
  const double share = static_cast<double>(trial.row_group_rows) / static_cast<double>(sample->num_rows());
  auto best = ColumnEncoding::dictionary;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [encoding, weight] : candidates(*column->type())) {
    ARROW_ASSIGN_OR_RAISE(const Size size, written_size(rows, encoding, trial));
    double bytes = size.data * share;
    if (encoding == ColumnEncoding::dictionary) {
      ARROW_ASSIGN_OR_RAISE(bytes, dictionary_bytes(column, size, trial));
    }
    if (bytes * weight < least) {
      least = bytes * weight;
      best = encoding;
    }
  }
  return best;
}

}  // namespace

const char* encoding_name(ColumnEncoding encoding) {
  switch (encoding) {
    case ColumnEncoding::dictionary:
      return "dictionary";
    case ColumnEncoding::plain:
      return "plain";
    case ColumnEncoding::delta:
      return "delta";
    case ColumnEncoding::byte_stream_split:
      return "byte_stream_split";
    case ColumnEncoding::delta_length:
      return "delta_length";
    case ColumnEncoding::delta_strings:
      return "delta_strings";
  }
  return "?";
}

int parquet_encoding(ColumnEncoding encoding) {
  switch (encoding) {
    case ColumnEncoding::dictionary:
    case ColumnEncoding::plain:
      return parquet::Encoding::PLAIN;
    case ColumnEncoding::delta:
      return parquet::Encoding::DELTA_BINARY_PACKED;
    case ColumnEncoding::byte_stream_split:
      return parquet::Encoding::BYTE_STREAM_SPLIT;
    case ColumnEncoding::delta_length:
      return parquet::Encoding::DELTA_LENGTH_BYTE_ARRAY;
    case ColumnEncoding::delta_strings:
      return parquet::Encoding::DELTA_BYTE_ARRAY;
  }
  return parquet::Encoding::PLAIN;
}

double expected_distinct(double sampled, double distinct, double rows) {
  if (distinct >= 0.98 * sampled) return rows * distinct / sampled;
  // n draws out of k equally likely values show k (1 - e^(-n/k)) different ones, which rises with k: halve the range
  // that holds k.
  const auto shown = [](double values, double draws) { return values * -std::expm1(-draws / values); };
  double low = distinct;
  double high = distinct;
  while (shown(high, sampled) < distinct) high *= 2;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (shown(middle, sampled) < distinct ? low : high) = middle;
  }
  return shown(high, rows);
}

Result<std::vector<ColumnEncoding>> choose_encodings(const Rows& sample, const EncodingTrial& trial) {
  std::vector<ColumnEncoding> out;
  for (int i = 0; i < sample->num_columns(); ++i) {
    auto chosen = choose(sample, i, trial);
    if (!chosen.ok())
      return tl::unexpected(from_arrow(chosen.status(), "choosing an encoding for " + sample->column_name(i)));
    out.push_back(*chosen);
  }
  return out;
}

}  // namespace trommel
