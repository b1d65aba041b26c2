"""The JVM: its options, its session, a cluster's executors, and the warm-up of its compiler."""
