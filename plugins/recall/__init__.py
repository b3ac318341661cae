"""Recall: a warehouse that wins back lapsed customers, and proves that it did."""
