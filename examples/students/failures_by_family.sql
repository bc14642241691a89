-- The most frequent number of failures by the size of the family. Where several are, the least of them; `as_frequent` says how many others.
SELECT famsize, failures, students, as_frequent
FROM (
  SELECT famsize, failures, students, count(*) FILTER (place = 1) OVER (PARTITION BY famsize) - 1 AS as_frequent,
         row_number() OVER (PARTITION BY famsize ORDER BY place, failures) AS choice
  FROM (
    SELECT famsize, failures, count(*) AS students, rank() OVER (PARTITION BY famsize ORDER BY count(*) DESC) AS place
    FROM student_data
    WHERE famsize IS NOT NULL AND failures IS NOT NULL
    GROUP BY famsize, failures
  )
)
WHERE choice = 1
ORDER BY famsize
