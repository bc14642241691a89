#include "avro/layout.h"

#include <arrow/api.h>
#include <fmt/format.h>

namespace trommel::avro {

namespace {

uint32_t add_column(Layout& layout, const arrow::Field& field) {
  const auto place = static_cast<uint32_t>(layout.columns.size());
  layout.columns.emplace_back();
  ColumnLayout column;
  column.type = field.type();
  column.nullable = field.nullable();
  switch (field.type()->id()) {
    case arrow::Type::NA:
      column.store = Store::nothing;
      break;
    case arrow::Type::BOOL:
      column.store = Store::bit;
      column.width = 1;
      break;
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      column.store = Store::bytes;
      break;
    case arrow::Type::LIST:
      column.store = Store::list;
      column.children = {add_column(layout, *field.type()->field(0))};
      break;
    case arrow::Type::MAP: {
      column.store = Store::list;
      const auto& map = static_cast<const arrow::MapType&>(*field.type());
      column.children = {add_column(layout, *map.key_field()), add_column(layout, *map.item_field())};
      break;
    }
    case arrow::Type::STRUCT:
      column.store = Store::structure;
      for (const auto& child : field.type()->fields()) column.children.push_back(add_column(layout, *child));
      break;
    case arrow::Type::EXTENSION:  // uuid
      column.store = Store::fixed;
      column.width = 16;
      break;
    default:
      column.store = Store::fixed;
      column.width = static_cast<uint8_t>(field.type()->byte_width());
      if (field.type()->id() == arrow::Type::DECIMAL128) {
        column.precision = static_cast<uint8_t>(static_cast<const arrow::Decimal128Type&>(*field.type()).precision());
      }
      TROMMEL_CHECK(column.width == 4 || column.width == 8 || column.width == 16, field.ToString());
  }
  layout.columns[place] = std::move(column);
  return place;
}

}  // namespace

Result<std::shared_ptr<const Layout>> layout_of(const SchemaPtr& reader) {
  auto layout = std::make_shared<Layout>();
  layout->reader = reader;
  ASSIGN(layout->schema, arrow_schema(reader));
  for (const auto& field : layout->schema->fields()) layout->top.push_back(add_column(*layout, *field));
  return layout;
}

}  // namespace trommel::avro
