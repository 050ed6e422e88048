"""TODO reports/divergence"""
