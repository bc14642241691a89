#include "batch/memory.h"

#include <arrow/api.h>
#include <arrow/builder.h>
#include <arrow/util/byte_size.h>
#include <gtest/gtest.h>

namespace trommel {
namespace {

TEST(BytesOf, CountsWhatASliceRefersTo) {
  arrow::StringBuilder text;
  arrow::Int32Builder number;
  arrow::BooleanBuilder flag;
  arrow::ListBuilder list(arrow::default_memory_pool(), std::make_shared<arrow::Int64Builder>());
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE((i % 7 == 0 ? text.AppendNull() : text.Append(std::string(static_cast<size_t>(i % 50), 'x'))).ok());
    ASSERT_TRUE((i % 5 == 0 ? number.AppendNull() : number.Append(i)).ok());
    ASSERT_TRUE(flag.Append(i % 2 == 0).ok());
    ASSERT_TRUE(list.Append().ok());
    ASSERT_TRUE(static_cast<arrow::Int64Builder*>(list.value_builder())->Append(i).ok());
  }
  int64_t all = 0;
  for (arrow::ArrayBuilder* builder : std::initializer_list<arrow::ArrayBuilder*>{&text, &number, &flag, &list}) {
    const auto column = builder->Finish().ValueOrDie();
    all += bytes_of(*column);
    for (const auto& [from, length] : {std::pair<int64_t, int64_t>{0, 1000}, {0, 0}, {8, 400}, {992, 8}}) {
      const auto part = column->Slice(from, length);
      const int64_t exact = arrow::util::ReferencedBufferSize(*part).ValueOrDie();
      EXPECT_NEAR(static_cast<double>(bytes_of(*part)), static_cast<double>(exact), 8) << column->type()->ToString();
    }
  }
  EXPECT_GT(all, 0);
}

}  // namespace
}  // namespace trommel
