#include "batch/gather.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

namespace trommel {
namespace {

Rows numbers(int64_t from, int64_t count) {
  arrow::Int64Builder builder;
  for (int64_t i = from; i < from + count; ++i) EXPECT_TRUE(builder.Append(i).ok());
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("n", arrow::int64())}), count,
                                  {builder.Finish().ValueOrDie()});
}

TEST(Gather, KeepsRowsInOrderWhateverTheirPieces) {
  Gather gather;
  int64_t next = 0;
  for (const int64_t size : {1, 5000, 3, 0, 2000, 1, 1}) {
    ASSERT_TRUE(gather.add(numbers(next, size)));
    next += size;
  }
  EXPECT_EQ(gather.rows(), next);
  const Rows all = *gather.take();
  ASSERT_EQ(all->num_rows(), next);
  EXPECT_TRUE(all->Equals(*numbers(0, next)));
  EXPECT_TRUE(gather.empty());
  EXPECT_EQ(gather.bytes(), 0);
}

TEST(Gather, ManyBatchesOfOneRowTakeLittleMore) {
  Gather gather;
  for (int64_t i = 0; i < 20'000; ++i) ASSERT_TRUE(gather.add(numbers(i, 1)));
  EXPECT_LT(gather.bytes(), 20'000 * 8 * 3);
  EXPECT_TRUE((*gather.take())->Equals(*numbers(0, 20'000)));
}

}  // namespace
}  // namespace trommel
