"""TODO reports/ablation"""
