"""Where images lie and how their bytes are read: files, tar, TFRecords and Parquet."""
