-- The different jobs of the mothers of male students under 20.
SELECT DISTINCT mjob
FROM student_data
WHERE lower(sex) = 'm' AND age < 20 AND mjob IS NOT NULL
ORDER BY mjob
